"""Full lists: the first fills the cache, later ones repair what a watch has missed.

kopf sends no deletion of what went away while its watch was broken.
"""

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


async def refresh(client: Client, kind: Kind, cache: Cache) -> set[Key]:
    """List a kind, bring the cache in line with it, and return the deployments that it changed.

    Raises:
        ApiError: the API server could not be asked.
    """
    changed: set[Key | None] = set()
    listed: set[tuple[str, str]] = set()
    version = 0
    async for page in client.pages(kind):
        version = int(page["metadata"]["resourceVersion"])
        for item in page["items"]:
            listed.add((item["metadata"]["namespace"], item["metadata"]["name"]))
            changed.add(cache.put(kind, {"apiVersion": kind.api_version, "kind": kind.name, **item}))
    changed |= cache.keep_only(kind, listed, version)
    return {key for key in changed if key is not None}
