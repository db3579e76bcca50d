"""Records of decisions are kept, and keep nothing else from happening."""

import asyncio
from typing import Any

from modelward.api.status import Cause, DecisionRecord
from modelward.control import decisions
from modelward.control.apply import Applier
from modelward.control.cache import Cache
from modelward.control.refusals import LONGEST_RETRY, Refusals
from modelward.render.identity import DeploymentIdentity
from modelward.signals.key import Key

KEY = Key("shops", "shop")
IDENTITY = DeploymentIdentity("shop", "shops", "uid-1")
RECORD = DecisionRecord(
    time="2026-01-01T00:00:00Z", rule="RollBack", action="RolledBack", reason="Breached", cause=Cause.MODEL
)


class SomeoneElses:
    """An API server whose every object is someone else's."""

    def __init__(self) -> None:
        """Nothing was asked yet."""
        self.requests: list[str] = []

    async def request(self, method: str, path: str) -> dict[str, Any]:
        """Answer with the object of that path."""
        self.requests.append(method)
        metadata = {"name": path.rsplit("/", 1)[-1], "namespace": "shops", "uid": "u", "resourceVersion": "1"}
        return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": {}}


def test_someone_elses_config_map_is_reported_and_stops_nothing() -> None:
    """It stays as it is, the message names it once, and it is looked at again by and by."""
    server, refusals = SomeoneElses(), Refusals()
    applier = Applier(server, Cache())  # type: ignore[arg-type] # no API server is needed here
    for _ in range(2):
        asyncio.run(decisions.keep(applier, KEY, IDENTITY, RECORD, refusals))
    assert refusals.message == (
        "ConfigMap shop-decisions: ConfigMap shop-decisions exists and was not made for this deployment; "
        "delete or rename one of the two"
    )
    assert refusals.again_in == LONGEST_RETRY
    assert server.requests == ["GET", "GET"]
