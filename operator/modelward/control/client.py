"""Requests to the API server: raw JSON in and out over `kubernetes.aio`'s connection.

The typed models are left aside: they cost memory, and raise on values newer than the library.
"""

import os
from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import Any, Final, TypeAlias
from urllib.parse import urlencode

import aiohttp
import orjson
from kubernetes.aio.client import Configuration
from kubernetes.aio.client.rest import RESTClientObject
from kubernetes.aio.config import incluster_config, load_incluster_config, load_kube_config

from modelward import conventions as names
from modelward.control.faults import Faults
from modelward.control.kinds import LEASE, POD, Kind

Manifest: TypeAlias = dict[str, Any]

APPLY: Final = "application/apply-patch+yaml"
MERGE: Final = "application/merge-patch+json"
JSON: Final = "application/json"
REQUEST_SECONDS: Final = 30.0
PAGE_OBJECTS: Final = 50
"""Objects of a full list that are in memory at once, unabridged."""

CONFLICT: Final = 409
NOT_FOUND: Final = 404
GONE: Final = 410
_WRITES: Final = frozenset({"POST", "PUT", "PATCH", "DELETE"})


class ApiError(Exception):
    """The API server refused a request, or could not be asked (status 0)."""

    def __init__(self, status: int, reason: str, message: str) -> None:
        super().__init__(f"{reason or status}: {message}")
        self.status = status
        self.reason = reason
        self.message = message

    @property
    def is_refusal(self) -> bool:
        """Whether the request itself was at fault, so that repeating it soon will not help."""
        return self.status in {400, 403, 404, 405, 409, 413, 415, 422}


async def configuration(kubeconfig: Path | None) -> Configuration:
    """Return how to reach the API server: a kubeconfig if given or set, else the pod's service account."""
    loaded = Configuration()
    path = kubeconfig or (Path(value) if (value := os.environ.get("KUBECONFIG")) else None)
    if path is None and incluster_config.SERVICE_HOST_ENV_NAME in os.environ:
        load_incluster_config(client_configuration=loaded)
    else:
        file = str(path) if path else None
        await load_kube_config(config_file=file, client_configuration=loaded)
    return loaded


class Client:
    """A connection pool to one API server."""

    def __init__(
        self, settings: Configuration, faults: Faults, user_agent: str = names.FIELD_MANAGER
    ) -> None:
        self.settings = settings
        self._user_agent = user_agent
        self._rest = RESTClientObject(settings)
        self._faults = faults

    async def close(self) -> None:
        """Close every connection."""
        await self._rest.close()

    async def request(
        self,
        method: str,
        path: str,
        *,
        query: Mapping[str, str] | None = None,
        body: Manifest | None = None,
        content_type: str = JSON,
        timeout_seconds: float = REQUEST_SECONDS,
    ) -> Manifest:
        """Send one request and return the answer's JSON object.

        Raises:
            ApiError: the answer is not 2xx, or there was none.
        """
        content = await self._send(method, path, query, body, content_type, timeout_seconds)
        parsed: Manifest = orjson.loads(content)
        return parsed

    async def log(self, namespace: str, pod: str, container: str, limit_bytes: int) -> str:
        """Return the beginning of what a container has written, as far as its node keeps it.

        Raises:
            ApiError: there is no such container, or its node does not answer.
        """
        query = {"container": container, "limitBytes": str(limit_bytes)}
        path = POD.path(namespace, pod, "log")
        content = await self._send("GET", path, query, None, JSON, REQUEST_SECONDS)
        return content.decode(errors="replace")

    async def _send(
        self,
        method: str,
        path: str,
        query: Mapping[str, str] | None,
        body: Manifest | None,
        content_type: str,
        timeout_seconds: float,
    ) -> bytes:
        url = f"{self.settings.host}{path}" + (f"?{urlencode(query)}" if query else "")
        headers = {"Accept": JSON, "Content-Type": content_type, "User-Agent": self._user_agent}
        token = await self.settings.get_api_key_with_prefix("BearerToken")
        if token:
            headers["Authorization"] = token
        try:
            answer = await self._rest.request(method, url, headers, body, None, timeout_seconds)
            content: bytes = await answer.read()
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            raise ApiError(0, "Unreachable", f"{method} {path}: {error!r}") from error
        if not 200 <= answer.status < 300:  # noqa: PLR2004 - RFC 9110: 2xx is success
            raise _refusal(answer.status, content)
        if method in _WRITES and LEASE.root not in path:
            self._faults.written()
        return content

    async def apply(self, kind: Kind, manifest: Manifest) -> Manifest:
        """Server-side apply a manifest, taking over fields that others have set."""
        metadata = manifest["metadata"]
        return await self.request(
            "PATCH",
            kind.path(metadata["namespace"], metadata["name"]),
            query={"fieldManager": names.FIELD_MANAGER, "force": "true"},
            body=manifest,
            content_type=APPLY,
        )

    async def create(self, kind: Kind, manifest: Manifest) -> Manifest:
        """Create an object; an ApiError of status 409 says that it exists."""
        path = kind.path(manifest["metadata"]["namespace"])
        return await self.request("POST", path, query={"fieldManager": names.FIELD_MANAGER}, body=manifest)

    async def merge(self, kind: Kind, namespace: str, name: str, change: Manifest) -> Manifest:
        """Merge a change into an object (RFC 7386)."""
        return await self.request(
            "PATCH",
            kind.path(namespace, name),
            query={"fieldManager": names.FIELD_MANAGER},
            body=change,
            content_type=MERGE,
        )

    async def write_status(self, kind: Kind, manifest: Manifest) -> Manifest:
        """Replace an object's status; metadata.resourceVersion is the precondition (409: moved on)."""
        self._faults.status_is_next()
        metadata = manifest["metadata"]
        return await self.request(
            "PUT",
            kind.path(metadata["namespace"], metadata["name"], "status"),
            query={"fieldManager": names.FIELD_MANAGER},
            body=manifest,
        )

    async def delete(self, kind: Kind, namespace: str, name: str, uid: str) -> None:
        """Delete an object if it is still the one with this uid, and what it owns after it."""
        options = {"preconditions": {"uid": uid}, "propagationPolicy": "Background"}
        await self.request("DELETE", kind.path(namespace, name), body=options)

    async def pages(self, kind: Kind, namespace: str) -> AsyncIterator[Manifest]:
        """List a kind page by page, each a List object; an empty namespace means all."""
        query = {"limit": str(PAGE_OBJECTS)}
        if kind.selector:
            query["labelSelector"] = kind.selector
        path = kind.path(namespace) if namespace else f"{kind.root}/{kind.plural}"
        while True:
            page = await self.request("GET", path, query=query)
            yield page
            token = page["metadata"].get("continue")
            if not token:
                return
            query["continue"] = token

    async def is_served(self, kind: Kind) -> bool:
        """Return whether the API server serves a kind."""
        try:
            served = await self.request("GET", kind.root)
        except ApiError as error:
            if error.status == NOT_FOUND:
                return False
            raise
        return any(resource["name"] == kind.plural for resource in served["resources"])


def _refusal(status: int, content: bytes) -> ApiError:
    try:
        answer = orjson.loads(content)
        return ApiError(status, str(answer.get("reason", "")), str(answer.get("message", "")))
    except (orjson.JSONDecodeError, AttributeError):
        return ApiError(status, "", content[:200].decode(errors="replace"))
