"""A second revision, tried on real counts in a real Prometheus: promoted, or withdrawn in good order."""

import asyncio
import base64
import random
import signal
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from dev.cluster.controlplane import free_ports
from modelward.api.objectives import Objective, event_config
from modelward.control import kinds
from tests.apiserver.fake_monitors import FakeMonitor, FakeMonitors
from tests.apiserver.operators import World, condition, ready, server, starting
from tests.integration.signals.exporter import Exporter, Pod
from tests.integration.signals.prometheus_server import PrometheusServer

pytestmark = pytest.mark.apiserver

OBJECTIVE: dict[str, Any] = {"name": "availability", "availability": {}, "target": "99%"}
STEPS = {"steps": [{"weight": 50, "duration": "45s", "minRequests": 20}]}
ROLLOUT_SECONDS = 120


@dataclass(slots=True)
class Stage:
    """Pods that answer requests: what they count is scraped, and their monitors obey."""

    world: World
    exporter: Exporter
    monitors: FakeMonitors
    bad_share: dict[str, float] = field(default_factory=dict)
    """By revision: share of requests answered with an error."""
    pods: dict[str, tuple[Pod, FakeMonitor]] = field(default_factory=dict)
    """Those that exist, by name."""
    played: dict[str, FakeMonitor] = field(default_factory=dict)
    """The monitor of every pod that ever existed."""
    _numbers: int = field(default_factory=lambda: random.randrange(2**16))

    async def play(self) -> None:
        """Make pods ready, and have each answer requests while its revision is given any."""
        while True:
            present = await self.world.all(kinds.POD)
            for gone in self.pods.keys() - {pod["metadata"]["name"] for pod in present}:
                self.exporter.remove(self.pods.pop(gone)[0])
            for pod in present:
                await self._play(pod)
            await asyncio.sleep(0.25)

    async def _play(self, pod: dict[str, Any]) -> None:
        name, revision = pod["metadata"]["name"], pod["metadata"]["labels"]["modelward.dev/revision"]
        if name not in self.pods:
            self._numbers += 1
            address = f"127.88.{self._numbers // 250 % 250}.{self._numbers % 250 + 1}"
            monitor = await self.monitors.start(address)
            await self.world.set_pod(name, ready(address, f"sha256:{revision[-1] * 64}".replace("-", "a")))
            objective = Objective.model_validate(OBJECTIVE)
            counting = Pod(
                self.world.namespace,
                "electricity",
                revision,
                name,
                None,
                {objective.name: event_config(objective)},
            )
            self.exporter.add(counting)
            self.pods[name] = (counting, monitor)
            self.played[name] = monitor
            return
        counting, monitor = self.pods[name]
        selector = (await self.world.get(kinds.SERVICE, "electricity"))["spec"]["selector"]
        if selector.get("modelward.dev/revision", revision) == revision and monitor.mode != "Withdraw":
            bad = 10 * self.bad_share.get(revision, 0.0)
            counting.count(10 - bad, bad, "availability")
            monitor.requests_total += 10

    def told(self, revision: str) -> list[str]:
        """Return the modes that the monitors of a revision were told, in order."""
        return [t["mode"] for name, m in self.played.items() if name.startswith(revision) for t in m.told]


@pytest.fixture
async def stage(world: World, tmp_path: Path) -> AsyncIterator[Stage]:
    """Set up a Prometheus, monitors and a kubelet; operators are to ask that Prometheus."""
    with Exporter() as exporter:
        async with FakeMonitors() as monitors:
            (port,) = free_ports(1)
            prometheus = PrometheusServer(tmp_path / "prometheus", port, exporter.port)
            prometheus.start()
            world.settings["prometheus"] = {"url": f"http://127.0.0.1:{port}"}
            given = Stage(world, exporter, monitors)
            playing = asyncio.create_task(given.play())
            try:
                async with world.kubelet(lambda _revision, _number: starting()):
                    yield given
                    assert not playing.done(), playing.exception()
            finally:
                playing.cancel()
                prometheus.stop()


async def apply(world: World, image: str) -> None:
    """Apply a revision with one objective and one short step."""
    await world.apply(server=server(image), objectives=[OBJECTIVE], rollout=STEPS)


async def promoted(world: World) -> str:
    """Wait until the first revision serves, and return its name."""
    status = await world.until_status(lambda status: status.get("phase") == "Serving")
    revision: str = status["stableRevision"]
    return revision


@pytest.mark.timeout(300)
async def test_good_candidate_is_promoted_and_a_bad_one_withdrawn(stage: Stage) -> None:
    """A good candidate gets all traffic; a bad one is rejected, its monitors told before the Service."""
    world, selectors = stage.world, []

    async def note_selector(_monitor: FakeMonitor, traffic: dict[str, Any]) -> None:
        if traffic["mode"] == "Withdraw":
            selector = (await world.get(kinds.SERVICE, "electricity"))["spec"]["selector"]
            selectors.append("modelward.dev/revision" in selector)

    stage.monitors.when_told = note_selector
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
        await world.until(lambda: stage.told(first) == ["Serve", "Rebalance", "Withdraw", "Serve"])
        await world.until(lambda: stage.told(second) == ["Serve", "Rebalance", "Serve", "Serve"])

        stage.bad_share |= await later_revision(world, "mlserver:3", bad=0.5)
        status = await world.until_status(
            lambda status: status.get("rejectedRevisions") and not status.get("withdrawal"),
            limit_seconds=ROLLOUT_SECONDS,
        )
    (rejected,) = status["rejectedRevisions"]
    assert (status["stableRevision"], rejected["cause"]) == (second, "Model")
    assert "availability" in rejected["message"]
    assert stage.told(rejected["revision"]) == ["Serve", "Rebalance", "Withdraw"]
    selector = (await world.get(kinds.SERVICE, "electricity"))["spec"]["selector"]
    assert selector["modelward.dev/revision"] == second
    assert selectors
    assert not any(selectors), "a monitor was told to withdraw after the Service had been switched"
    token = base64.b64decode((await world.get(kinds.SECRET, "electricity-modelward"))["data"]["admin-token"])
    assert {used for monitor in stage.played.values() for used in monitor.tokens} == {
        f"Bearer {token.decode()}"
    }
    events = [event["reason"] for event in await world.everything(kinds.EVENT)]
    assert events.count(rejected["reason"]) == 1


@pytest.mark.timeout(300)
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
        await world.until(lambda: stage.told(rejected["revision"])[-1] == "Withdraw")
        await world.until(lambda: stage.told(first)[-1] == "Serve")


async def later_revision(world: World, image: str, bad: float) -> dict[str, float]:
    """Apply another revision; return which one it is and how bad."""
    before = {record["metadata"]["name"] for record in await world.all(kinds.CONTROLLER_REVISION)}
    await apply(world, image)

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
        await world.apply(rollout=rollout)
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
