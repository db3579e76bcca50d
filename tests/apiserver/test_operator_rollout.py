"""A second revision, tried on real counts in a real Prometheus: promoted, or withdrawn in good order."""

import base64
import signal
from typing import Any

import pytest

from modelward.control import kinds
from tests.apiserver.fake_monitors import FakeMonitor
from tests.apiserver.operators import World, condition, ready, server, starting
from tests.apiserver.serving_pods import OBJECTIVE, Stage

pytestmark = pytest.mark.apiserver

SHORT_STEP = {"steps": [{"weight": 50, "duration": "20s", "minRequests": 20}]}
LONG_STEP = {"steps": [{"weight": 50, "duration": "30m", "minRequests": 1_000_000_000}]}
"""A step that nothing ends but evidence against the candidate."""
ROLLOUT_SECONDS = 300


async def apply(world: World, image: str, rollout: dict[str, Any] = SHORT_STEP) -> None:
    """Apply a revision with one objective and one step."""
    await world.apply(server=server(image), objectives=[OBJECTIVE], rollout=rollout)


async def promoted(world: World) -> str:
    """Wait until the first revision serves, and return its name."""
    status = await world.until_status(lambda status: status.get("phase") == "Serving")
    revision: str = status["stableRevision"]
    return revision


@pytest.mark.timeout(900)
async def test_good_candidate_is_promoted_and_a_bad_one_withdrawn(stage: Stage) -> None:
    """A good candidate gets all traffic; a bad one is rejected, its monitors told before the Service."""
    world, selectors = stage.world, []

    async def note_selector(_monitor: FakeMonitor, traffic: dict[str, Any]) -> None:
        if traffic["mode"] == "Withdraw":
            selector = (await world.get(kinds.SERVICE, "electricity"))["spec"]["selector"]
            selectors.append("modelward.dev/revision" in selector)

    stage.pods.monitors.when_told = note_selector
    async with world.operator():
        await apply(world, "mlserver:1")
        first = await promoted(world)
        await apply(world, "mlserver:2")
        status = await world.until_status(
            lambda status: status.get("stableRevision") not in {None, first} and not status.get("withdrawal"),
            limit_seconds=ROLLOUT_SECONDS,
        )
        second = status["stableRevision"]
        assert [entry["action"] for entry in status["history"]] == ["Promoted", "Promoted"]
        await world.until(lambda: stage.pods.told(first) == ["Serve", "Rebalance", "Withdraw", "Serve"])
        await world.until(lambda: stage.pods.told(second) == ["Serve", "Rebalance", "Serve", "Serve"])

        stage.bad_share |= await later_revision(world, "mlserver:3", bad=0.5)
        status = await world.until_status(
            lambda status: status.get("rejectedRevisions") and not status.get("withdrawal"),
            limit_seconds=ROLLOUT_SECONDS,
        )
    (rejected,) = status["rejectedRevisions"]
    assert (status["stableRevision"], rejected["cause"]) == (second, "Model")
    assert "availability" in rejected["message"]
    assert stage.pods.told(rejected["revision"]) == ["Serve", "Rebalance", "Withdraw"]
    selector = (await world.get(kinds.SERVICE, "electricity"))["spec"]["selector"]
    assert selector["modelward.dev/revision"] == second
    assert selectors
    assert not any(selectors), "a monitor was told to withdraw after the Service had been switched"
    token = base64.b64decode((await world.get(kinds.SECRET, "electricity-modelward"))["data"]["admin-token"])
    assert {used for pod in stage.pods.ever for used in pod.monitor.tokens} == {f"Bearer {token.decode()}"}
    events = [event["reason"] for event in await world.everything(kinds.EVENT)]
    assert events.count(rejected["reason"]) == 1


@pytest.mark.timeout(900)
async def test_rejection_survives_a_kill(stage: Stage) -> None:
    """Killed as soon as the rejection is written down, another operator brings it to its end."""
    world = stage.world
    async with world.operator() as running:
        await apply(world, "mlserver:1")
        first = await promoted(world)
        stage.bad_share |= await later_revision(world, "mlserver:2", bad=1.0)
        await world.until_status(
            lambda status: status.get("rejectedRevisions"), limit_seconds=ROLLOUT_SECONDS
        )
        running.kill(signal.SIGKILL)
        await running.ended()
    await world.lease_runs_out()
    async with world.operator():
        status = await world.until_status(
            lambda status: not status.get("withdrawal"), limit_seconds=ROLLOUT_SECONDS
        )
        (rejected,) = status["rejectedRevisions"]
        assert status["stableRevision"] == first
        await world.until(lambda: stage.pods.told(rejected["revision"])[-1] == "Withdraw")
        await world.until(lambda: stage.pods.told(first)[-1] == "Serve")


async def later_revision(world: World, image: str, bad: float) -> dict[str, float]:
    """Apply another revision, which only evidence can end; return which one it is and how bad."""
    before = {record["metadata"]["name"] for record in await world.all(kinds.CONTROLLER_REVISION)}
    await apply(world, image, LONG_STEP)

    async def is_made() -> bool:
        return len(await world.all(kinds.CONTROLLER_REVISION)) > len(before)

    await world.until(is_made)
    (made,) = {record["metadata"]["name"] for record in await world.all(kinds.CONTROLLER_REVISION)} - before
    return {made: bad}


FETCH_FAILED = {
    "terminated": {
        "exitCode": 1,
        "reason": "Error",
        "message": '{"reason":"NotFound","message":"s3://models/electricity/9 does not exist"}',
    }
}
PULL_FAILED = {"waiting": {"reason": "ImagePullBackOff", "message": "no such image"}}


@pytest.mark.parametrize(
    ("container", "state", "reason", "message"),
    [
        ("fetch", FETCH_FAILED, "FetchFailed", "s3://models/electricity/9 does not exist"),
        ("model", PULL_FAILED, "ImagePullFailed", "no such image"),
    ],
)
async def test_candidate_that_cannot_start_is_rejected(
    world: World, container: str, state: dict[str, Any], reason: str, message: str
) -> None:
    """After the progress deadline a candidate without ready pods is rejected with the pods' own reason."""
    rollout = {"progressDeadline": "10s"}
    first: list[str] = []

    def how(revision: str, _number: int) -> dict[str, Any]:
        first.append(revision)
        return ready() if revision == first[0] else starting(container, state)

    async with world.operator(), world.kubelet(how):
        await world.apply()
        stable = await promoted(world)
        before = await world.get(kinds.SERVICE, "electricity")
        await world.apply(rollout=rollout, server=server("mlserver:2"))
        status = await world.until_status(lambda status: status.get("rejectedRevisions"))
        (rejected,) = status["rejectedRevisions"]
        assert rejected["reason"] == reason
        assert message in rejected["message"]
        assert status["stableRevision"] == stable
        assert (await world.get(kinds.SERVICE, "electricity"))["spec"] == before["spec"]
        status = await world.until_status(lambda status: condition(status, "Stalled").get("status") == "True")
        assert condition(status, "Stalled")["reason"] == "RevisionRejected"


async def test_overwritten_model_is_caught(world: World) -> None:
    """A pod of a known revision that fetched other contents is not taken for one of it."""
    async with world.operator():
        await world.apply(replicas=1)
        status = await world.until_status(lambda status: status.get("candidateRevision"))
        revision = status["candidateRevision"]
        await world.make_pod(revision, 0, ready(digest="sha256:" + "a" * 64))
        await promoted(world)
        await world.delete(kinds.POD, f"{revision}-0")
        mismatch = {
            "terminated": {
                "exitCode": 1,
                "reason": "Error",
                "message": '{"reason":"DigestMismatch","message":"expected sha256:aaa, got sha256:bbb"}',
            }
        }
        await world.make_pod(revision, 1, starting("fetch", mismatch))
        status = await world.until_status(
            lambda status: "DigestMismatch" in condition(status, "Ready").get("message", "")
        )
        assert condition(status, "Ready")["status"] == "False"
