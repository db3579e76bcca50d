"""Which gates are recorded of those that spec adds, and when."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Final, cast

import pytest

from modelward import conventions as names
from modelward.api.status import MOST_GATES, ModelDeploymentStatus
from modelward.control import addedgates, kinds
from modelward.control.apply import Applier
from modelward.control.cache import Cache
from modelward.control.client import ApiError, Client, Manifest
from modelward.control.gated import Gated
from modelward.control.kinds import Kind
from modelward.control.refusals import Refusals
from modelward.render.identity import DeploymentIdentity
from modelward.render.revision import RevisionRecord, controller_revision, new_record, read_record
from modelward.signals.key import Key
from tests.unit.render import cases

KEY: Final = Key("shops", "shop")
OWNER: Final = DeploymentIdentity("shop", "shops", "owner")


@dataclass
class Server:
    """An API server that has one ControllerRevision, and takes annotations unless it is told not to."""

    stored: Manifest
    refuses: bool = False
    taken: list[str] = field(default_factory=list)

    async def merge(self, _kind: Kind, _namespace: str, _name: str, change: Manifest) -> Manifest:
        """Take one."""
        if self.refuses:
            raise ApiError(403, "Forbidden", "no")
        annotations = {**self.stored["metadata"].get("annotations", {}), **change["metadata"]["annotations"]}
        self.taken.append(annotations[names.ANNOTATION_ADDED_GATES])
        self.stored = {**self.stored, "metadata": {**self.stored["metadata"], "annotations": annotations}}
        return self.stored


def people(name: str) -> dict[str, Any]:
    """Return a gate."""
    return {"name": name, "approval": {}}


def spec_with(*gates: str) -> Any:
    """Return a spec with gates of these names."""
    return cases.read({**cases.MINIMAL, "gates": [people(name) for name in gates]})


RECORD: Final = new_record(OWNER, spec_with("first"), 1, cases.IMAGES)


def status_of(candidate: str = RECORD.name, step: int = -1, stable: str = "") -> ModelDeploymentStatus:
    """Return a status with a candidate at a step; -1 is before its first traffic."""
    rollout = {"step": step, "startedAt": "2026-01-01T00:00:00Z", "stepStartedAt": "2026-01-01T00:00:00Z"}
    stated = {"candidateRevision": candidate, "rollout": rollout} if candidate else {}
    return ModelDeploymentStatus.model_validate({"stableRevision": stable, **stated})


def server_with(record: RevisionRecord = RECORD) -> Server:
    """Return an API server that has a revision."""
    stored = controller_revision(OWNER, record)
    metadata = {**stored["metadata"], "uid": "u", "resourceVersion": "1"}
    return Server({**stored, "metadata": metadata})


async def record(server: Server, spec: Any, status: ModelDeploymentStatus) -> Refusals:
    """Record once; return what was refused."""
    cache, refusals = Cache(), Refusals()
    cache.put(kinds.CONTROLLER_REVISION, server.stored)
    gated = Gated(KEY, OWNER, spec, read_record(server.stored))
    await addedgates.record(Applier(cast("Client", server), cache), gated, status, refusals)
    return refusals


async def test_each_addition_is_recorded_once() -> None:
    """What was added before stays, whatever spec says by then; nothing new sends nothing."""
    server = server_with()
    await record(server, spec_with("first"), status_of())
    assert server.taken == []
    for gates in (["first", "second"], ["first", "second"], ["third"], []):
        await record(server, spec_with(*gates), status_of())
    assert len(server.taken) == 2
    kept = read_record(server.stored)
    assert [each.gate.name for each in kept.in_force(spec_with())] == ["first", "second", "third"]


@pytest.mark.parametrize(
    "status",
    [
        lambda: status_of(step=0),
        lambda: status_of(candidate="shop-other"),
        lambda: status_of(candidate=""),
        lambda: status_of(candidate="", stable=RECORD.name),
    ],
    ids=["with traffic", "another's", "none yet", "at rest"],
)
async def test_nothing_is_added_to_what_is_no_candidate_before_traffic(
    status: Callable[[], ModelDeploymentStatus],
) -> None:
    """What spec says then is for the next revision, or for when its rollout begins."""
    server = server_with()
    await record(server, spec_with("first", "second"), status())
    assert server.taken == []


async def test_an_addition_that_is_refused_is_said() -> None:
    """It is tried again later; meanwhile the gate is in force by spec alone."""
    server = server_with()
    server.refuses = True
    refusals = await record(server, spec_with("second"), status_of())
    assert refusals.message == f"ControllerRevision {RECORD.name}: no"


async def test_more_gates_than_a_status_holds_are_said_and_not_recorded() -> None:
    """So that spec can take them back; a revision that serves at rest has them asked of it by nobody."""
    server, names_of = server_with(), iter(range(100))
    for _ in range(2):
        await record(server, spec_with(*(f"g{next(names_of)}" for _ in range(9))), status_of())
    kept = read_record(server.stored)
    spec = spec_with(*(f"more{number}" for number in range(9)))
    said = addedgates.too_many(kept, spec, status_of())
    assert said.startswith(f"{RECORD.name} would have 28 gates in force")
    assert f"{MOST_GATES} is the most" in said
    await record(server, spec, status_of())
    assert len(server.taken) == 2
    assert addedgates.too_many(kept, spec, status_of(candidate=""))
    assert not addedgates.too_many(kept, spec, status_of(candidate="", stable=RECORD.name))
    assert not addedgates.too_many(kept, spec, status_of(step=1))
