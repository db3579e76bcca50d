"""Full lists: the first fills the cache, later ones repair what a watch has missed.

kopf sends no deletion of what went away while its watch was broken.
"""

from collections.abc import Sequence

from modelward.control.cache import Cache
from modelward.control.client import Client
from modelward.control.kinds import OPTIONAL, REQUIRED, Kind
from modelward.signals.key import Key


async def served_kinds(client: Client) -> tuple[Kind, ...]:
    """Return the kinds to watch: all required ones and those optional ones that the API server serves.

    Raises:
        ApiError: the API server could not be asked.
    """
    return (*REQUIRED, *[kind for kind in OPTIONAL if await client.is_served(kind)])


async def refresh(client: Client, kind: Kind, namespaces: Sequence[str], cache: Cache) -> set[Key]:
    """List a kind, bring the cache in line with it, and return the deployments that it changed.

    Args:
        client: whom to ask.
        kind: what to list.
        namespaces: where; none means everywhere.
        cache: what to bring in line.

    Raises:
        ApiError: the API server could not be asked.
    """
    changed: set[Key | None] = set()
    for namespace in namespaces or ("",):
        listed: set[tuple[str, str]] = set()
        version = 0
        async for page in client.pages(kind, namespace):
            version = int(page["metadata"]["resourceVersion"])
            for item in page["items"]:
                listed.add((item["metadata"]["namespace"], item["metadata"]["name"]))
                changed.add(cache.put(kind, {"apiVersion": kind.api_version, "kind": kind.name, **item}))
        changed |= cache.keep_only(kind, namespace, listed, version)
    return {key for key in changed if key is not None}
