"""kopf as an informer: its watches feed the cache and wake the queue. No other module knows kopf.

Nothing else of kopf is used: no timers, daemons, indices, finalizers or annotations, no peering, and none
of its Events. A watched kind that the API server does not serve would end kopf, so kinds are given.
"""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final, cast

import kopf
from kubernetes.aio.client import Configuration

from modelward import conventions
from modelward.control.cache import Cache
from modelward.control.client import PAGE_OBJECTS
from modelward.control.kinds import Kind
from modelward.signals.key import Key

IDLE_SECONDS: Final = 0.2
"""kopf keeps a task for each object that changed for this long."""
WORKERS: Final = 32
"""Such tasks at once for each kind; else the first list of a large cluster has one for each object."""


@dataclass(frozen=True, slots=True)
class Scope:
    """What is watched."""

    api: Configuration
    kinds: Sequence[Kind]
    namespaces: Sequence[str]
    """None means all."""


async def watch(
    scope: Scope,
    cache: Cache,
    wake: Callable[[Key], None],
    listed: Callable[[Kind], None],
    *,
    stop: asyncio.Event,
    started: asyncio.Event,
) -> None:
    """Keep the cache up to date until `stop` is set; `started` is set once kopf has set itself up.

    `listed` is called with a kind for each object of it that comes by a list instead of the watch after it.

    Raises:
        Exception: a watch failed for good, for instance because a kind is no longer served.
    """
    registry = kopf.OperatorRegistry()
    settings = _settings()
    kopf.on.login(registry=registry)(_login(scope.api))
    for kind in scope.kinds:
        kopf.on.event(kind.group, kind.version, kind.plural, registry=registry)(
            _feed(kind, cache, wake, listed)
        )
        if kind.selector:
            settings.watching.label_selectors[kind.group, kind.version, kind.plural] = kind.selector
    await kopf.operator(
        registry=registry,
        settings=settings,
        # Its own would ask for the user's name, and a container's user has none.
        identity=cast("Any", conventions.FIELD_MANAGER),
        clusterwide=not scope.namespaces,
        namespaces=scope.namespaces,
        standalone=True,
        stop_flag=stop,
        ready_flag=started,
    )


def _settings() -> kopf.OperatorSettings:
    settings = kopf.OperatorSettings()
    settings.posting.enabled = False
    settings.scanning.disabled = True
    settings.peering.standalone = True
    settings.queueing.idle_timeout = IDLE_SECONDS
    settings.queueing.worker_limit = WORKERS
    settings.watching.chunk_size = PAGE_OBJECTS
    return settings


def _feed(
    kind: Kind, cache: Cache, wake: Callable[[Key], None], listed: Callable[[Kind], None]
) -> Callable[..., Any]:
    async def feed(event: kopf.RawEvent, **_: object) -> None:
        seen: Any = event["object"]
        if event["type"] is None:
            listed(kind)
        if event["type"] == "DELETED":
            metadata = seen["metadata"]
            version = int(metadata["resourceVersion"])
            key = cache.drop(kind, metadata["namespace"], metadata["name"], version)
        else:
            # What comes over a watch does not always name its kind.
            key = cache.put(kind, {"apiVersion": kind.api_version, "kind": kind.name, **seen})
        if key is not None:
            wake(key)

    feed.__name__ = f"feed_{kind.plural}"
    return feed


def _login(api: Configuration) -> Callable[..., Any]:
    async def login(**_: object) -> kopf.ConnectionInfo:
        header = await api.get_api_key_with_prefix("BearerToken") or ""
        return kopf.ConnectionInfo(
            server=api.host,
            ca_path=api.ssl_ca_cert,
            insecure=not api.verify_ssl,
            token=header.rpartition(" ")[2] or None,
            certificate_path=api.cert_file,
            private_key_path=api.key_file,
        )

    return login
