"""What is said of a gate whose Job cannot be made because its name is taken."""

from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Final, cast

import pytest

from modelward import conventions as names
from modelward.api.gateverdict import ErrorReason, Result
from modelward.api.recordedgates import in_force
from modelward.api.status import ModelDeploymentStatus
from modelward.control import kinds
from modelward.control.apply import Applier
from modelward.control.cache import Cache
from modelward.control.client import NOT_FOUND, ApiError, Client, Manifest
from modelward.control.gated import Gated
from modelward.control.gates import Gates
from modelward.control.kinds import Kind
from modelward.control.refusals import Refusals
from modelward.decide.observation import GateObservation
from modelward.decide.placement import GateJob, Targets
from modelward.render.gates import job_name
from modelward.render.identity import DeploymentIdentity
from modelward.render.revision import new_record
from modelward.signals.key import Key
from tests.unit.render import cases

KEY: Final = Key("shops", "shop")
OWNER: Final = DeploymentIdentity("shop", "shops", "owner")
GATE: Final = {
    "name": "fairness",
    "job": {"template": {"spec": {"containers": [{"name": "test", "image": "fairness:1"}]}}},
}
SPEC: Final = cases.read({**cases.MINIMAL, "gates": [GATE]})
RECORD: Final = new_record(OWNER, SPEC, 1, cases.IMAGES)
(IN_FORCE,) = in_force(RECORD.gates, SPEC)
JOB: Final = GateJob(RECORD.name, "fairness", IN_FORCE.configuration, "2026-01-01T00:00:00Z", 0)
STARTED: Final = datetime(2026, 1, 1, tzinfo=UTC)
LATE: Final = STARTED.replace(month=2)
STATUS: Final = ModelDeploymentStatus.model_validate(
    {
        "gates": [
            {
                "name": "fairness",
                "kind": "job",
                "configuration": IN_FORCE.configuration,
                "result": "Running",
                "startedAt": "2026-01-01T00:00:00Z",
            }
        ]
    }
)


@dataclass
class Jobs:
    """An API server that has a Job, or none, and takes every other."""

    existing: Manifest | None = None
    taken: list[str] = field(default_factory=list)

    async def request(self, method: str, path: str, query: object = None) -> Manifest:
        """Return the Job, or the pods, of which there are none."""
        if path == kinds.POD.path(KEY.namespace):
            return {"items": []}
        if self.existing is None:
            raise ApiError(NOT_FOUND, "NotFound", f"{method} {path} {query}")
        return self.existing

    async def apply(self, _kind: Kind, manifest: Manifest) -> Manifest:
        """Take one."""
        self.taken.append(manifest["metadata"]["name"])
        return {**manifest, "metadata": {**manifest["metadata"], "uid": "new", "resourceVersion": "2"}}


def job_of_another(**labels: str) -> Manifest:
    """Return a Job that somebody else made, with the gate's name."""
    metadata = {
        "name": job_name(JOB),
        "namespace": "shops",
        "uid": "theirs",
        "resourceVersion": "1",
        "labels": labels,
    }
    template = {"spec": {"containers": [{"name": "theirs", "image": "theirs:1"}]}}
    return {"metadata": metadata, "spec": {"template": template}}


async def observed(api_server: Jobs, cache: Cache, now: datetime) -> tuple[GateObservation, Refusals]:
    """Have the gate's Job made; return what is seen of the gate then, and what was noted."""
    client = cast("Client", api_server)
    metadata = {"name": "shop", "namespace": "shops", "uid": "owner", "resourceVersion": "1"}
    cache.put(kinds.MODEL_DEPLOYMENT, {"metadata": metadata})
    gates, gated = Gates(client, cache, Applier(client, cache), "gates:1"), Gated(KEY, OWNER, SPEC, RECORD)
    refusals = Refusals()
    await gates.bring_about(gated, STATUS, Targets((), (), 1, (JOB,)), refusals)
    (seen,) = (await gates.look(gated, STATUS, now, Refusals())).observations
    return seen, refusals


@pytest.mark.parametrize("labels", [{}, {names.LABEL_DEPLOYMENT: "shop"}], ids=["plain", "labelled"])
@pytest.mark.parametrize("now", [STARTED, LATE], ids=["at-first", "late"])
async def test_a_name_that_is_taken_is_told(labels: dict[str, str], now: datetime) -> None:
    """Whose Job it is not is named, with or without the label by which it is seen, and at last an Error."""
    cache, made = Cache(), job_of_another(**labels)
    cache.put(kinds.JOB, made)
    seen, refusals = await observed(Jobs(made), cache, now)
    for message in (seen.message, refusals.message):
        assert f"Job {job_name(JOB)} exists and was not made for this deployment" in message
    late = (Result.ERROR, ErrorReason.REFUSED)
    assert (seen.result, seen.reason) == (late if now is LATE else (None, None))


async def test_its_own_job_is_none_of_that() -> None:
    """A Job that the operator has just made is the gate's, and nothing is refused."""
    api_server = Jobs()
    seen, refusals = await observed(api_server, Cache(), STARTED)
    assert api_server.taken == [job_name(JOB)]
    assert (seen.result, seen.message, refusals.message) == (None, "", "")
