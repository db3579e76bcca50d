"""What is seen of gates' Jobs while the API server answers, and while it does not."""

from dataclasses import asdict, dataclass, field
from typing import Any, Final, cast

import orjson

from modelward import conventions as names
from modelward.api.gateverdict import ErrorReason, Result
from modelward.control import kinds
from modelward.control.cache import Cache
from modelward.control.client import ApiError, Client, Manifest
from modelward.control.gatejobs import ASK_AGAIN, GateJobs
from modelward.control.refusals import Refusals
from modelward.decide.placement import GateJob
from modelward.render.gates import job_name
from modelward.signals.key import Key

KEY: Final = Key("shops", "shop")
JOB: Final = GateJob("shop-2222222222", "calm", "3c0ac91cdb93", "2026-01-01T00:00:00Z", 0)
CONTAINER: Final = {"name": "gate", "image": "calm:1"}
CHECK: Final = {"name": "gap", "value": 0.1, "comparison": "AtMost", "limit": 0.5, "passed": True}
PASSED: Final = orjson.dumps({"result": "Passed", "message": "fine", "checks": [CHECK]}).decode()


@dataclass
class Answers:
    """An API server that has these pods, or an error."""

    pods: list[Manifest] = field(default_factory=list)
    error: ApiError | None = None

    async def request(self, method: str, path: str, query: object = None) -> Manifest:
        """List pods."""
        assert (method, path) == ("GET", kinds.POD.path(KEY.namespace)), query
        if self.error:
            raise self.error
        return {"items": self.pods}


def owned(uid: str, name: str, **labels: str) -> Manifest:
    """Return metadata of something that is owned by an object."""
    return {
        "name": name,
        "namespace": KEY.namespace,
        "uid": f"uid-of-{name}",
        "resourceVersion": "1",
        "labels": labels,
        "ownerReferences": [{"uid": uid, "controller": True}],
    }


def job(**metadata: Any) -> Manifest:
    """Return the Job of the gate."""
    given = owned("owner", job_name(JOB), **{names.LABEL_DEPLOYMENT: "shop", names.LABEL_GATE: "calm"})
    given["annotations"] = {names.ANNOTATION_GATE_JOB: orjson.dumps(asdict(JOB)).decode()}
    return {
        "metadata": {**given, **metadata},
        "spec": {"template": {"spec": {"containers": [CONTAINER]}}},
    }


def passed(name: str = "own", image: str = "calm:1") -> Manifest:
    """Return a pod of the Job that has ended and says Passed."""
    state = {"terminated": {"exitCode": 0, "message": PASSED, "finishedAt": "2026-01-01T00:01:00Z"}}
    return {
        "metadata": owned(f"uid-of-{job_name(JOB)}", name),
        "spec": {"containers": [{**CONTAINER, "image": image}]},
        "status": {"phase": "Succeeded", "containerStatuses": [{"name": "gate", "state": state}]},
    }


def jobs(answers: Answers, made: Manifest | None = None) -> GateJobs:
    """Return what looks at the one Job of a deployment."""
    cache = Cache()
    metadata = {"name": "shop", "namespace": "shops", "uid": "owner", "resourceVersion": "1"}
    cache.put(kinds.MODEL_DEPLOYMENT, {"metadata": metadata})
    cache.put(kinds.JOB, made or job())
    return GateJobs(cast("Client", answers), cache)


async def test_the_jobs_own_pod_speaks() -> None:
    """Its verdict is the gate's, and is asked for once."""
    answers = Answers([passed()])
    looks = jobs(answers)
    (seen,) = await looks.look(KEY, JOB.revision, Refusals())
    assert seen.said is not None
    assert (seen.said.result, seen.pod) == (Result.PASSED, "own")
    answers.error = ApiError(500, "", "nobody asks")
    assert await looks.look(KEY, JOB.revision, Refusals()) == (seen,)


async def test_a_pod_that_the_job_took_over_does_not() -> None:
    """Beside its own pod, or in the place of that: what it says is an Error, also when looked at again."""
    for pods in ([passed(), passed("adopted")], [passed("adopted", image="says-passed")]):
        looks = jobs(Answers(pods))
        for _ in range(2):
            (seen,) = await looks.look(KEY, JOB.revision, Refusals())
            assert seen.said is not None
            assert (seen.said.result, seen.said.reason) == (Result.ERROR, ErrorReason.NONSENSE)


async def test_an_api_server_that_does_not_answer_holds_up_nothing() -> None:
    """A Job whose pods cannot be listed says nothing yet, and why; it is looked at again soon."""
    answers = Answers([passed()], ApiError(503, "", "overloaded"))
    looks, refusals = jobs(answers), Refusals()
    (seen,) = await looks.look(KEY, JOB.revision, refusals)
    assert seen.said is None
    assert seen.hindered is not None
    assert "overloaded" in seen.hindered.message
    assert refusals.again_in == ASK_AGAIN
    answers.error = None
    (seen,) = await looks.look(KEY, JOB.revision, Refusals())
    assert seen.said is not None
    assert seen.said.result is Result.PASSED
