"""The chapters: a store that becomes slow in a rollout, at rest, and beside a version that fails.

A model server reads an object of S3 for each prediction, through a proxy that is made slow while it serves.
What must come of it is said step by step.
"""

import json
import time
from dataclasses import dataclass, field
from typing import Any, Final

import yaml

from dev.demo.cluster import DemoError
from dev.demo.infrastructure import states
from dev.demo.slow_store import SlowStore
from dev.demo.stage import CHECKOUT, REPLAY, Stage, serves
from dev.demo.steps import Step
from dev.demo.watchers import StatusWatcher, TrafficWatcher
from modelward.conventions import ALERT_INFRASTRUCTURE, LABEL_REVISION

NAME: Final = "features"
BENCH: Final = CHECKOUT / "bench"
BASELINE_ANSWERS: Final = 400
"""Of version 1 before anything happens, so that its usual share of bad answers is known."""
FAULT_SHARE: Final = 0.5
PATIENCE_SECONDS: Final = 600.0
"""More than twice what the longest takes: four minutes for evidence to fall once all is well again."""


@dataclass(frozen=True, slots=True)
class Pace:
    """How much traffic there is, how much slower the store becomes, and what reads and answers may take."""

    requests_per_second: int
    delay_ms: int
    storage_within: str
    latency_within: str


AS_ON_A_QUIET_MACHINE: Final = Pace(22, 500, storage_within="300ms", latency_within="400ms")
AS_ON_A_BUSY_MACHINE: Final = Pace(10, 2000, storage_within="1s", latency_within="1500ms")
"""Other work makes some reads late, which is not what this is about."""


@dataclass(slots=True)
class Story:
    """One run, in a namespace of a cluster with the operator, and bench/ in S3 as s3://models/faulty.

    Each chapter raises DemoError at the first thing that does not come: what follows makes no sense then. The
    revisions that they are given serve.
    """

    stage: Stage
    store: SlowStore
    pace: Pace
    steps: list[Step] = field(default_factory=list)
    _status: StatusWatcher | None = None

    def run(self) -> None:
        """Tell the whole story."""
        first = self.serve()
        second = self.slow_in_a_rollout(first)
        self.slow_at_rest(second)
        self.bad_while_slow(second)
        self.recover(second)

    # The chapters

    def serve(self) -> str:
        """Ship version 1 and begin the traffic; returns its revision."""
        revision = self._ship("1")
        self._status = self.stage.watch(NAME)
        self.stage.wait(self._status, serves(revision), PATIENCE_SECONDS, "version 1 to serve")
        self.stage.start_replay(
            {
                "--url=http://electricity": f"--url=http://{NAME}",
                "--rate=22": f"--rate={self.pace.requests_per_second}",
                "--connections=8": "--connections=8, --model=m",
                "cpu: 100m": "cpu: 10m",  # other pods are to fit on the node too
            }
        )
        traffic = TrafficWatcher(self.stage.cluster, self.stage.namespace, REPLAY, self.stage.screen)
        traffic.start()
        if not traffic.wait_for_answers(BASELINE_ANSWERS, "1", PATIENCE_SECONDS):
            raise DemoError(
                f"version 1 gave less than {BASELINE_ANSWERS} answers in {PATIENCE_SECONDS:.0f} s"
            )
        return revision

    def promote(self) -> str:
        """Ship a good version 2; returns its revision."""
        candidate = self._ship("2")
        self._expect("a good version 2", "it is promoted", states.serves_alone(candidate))
        return candidate

    def slow_in_a_rollout(self, stable: str) -> str:
        """Make the store slow while a good version 2 is tried, and quick again; returns its revision."""
        candidate = self._ship("2")
        self._expect("a good version 2", "it shares the traffic", states.is_stepping(candidate))
        self._slow_down()
        what = f"S3 {self.pace.delay_ms} ms slower, in the step"
        self._expect(
            what, "the rollout waits, cause Infrastructure, traffic stays", states.is_held_for_infrastructure
        )
        self._expect(
            what, "latency is breached on both revisions", states.all_breached("latency", stable, candidate)
        )
        self._expect_alert(what)
        self._speed_up()
        what = "S3 as quick as before"
        self._expect(what, "the rollout goes on by itself", states.is_stepping(candidate))
        self._expect(what, "version 2 is promoted, nothing is rejected", states.serves_alone(candidate))
        self._expect_no_alert(what)
        return candidate

    def slow_at_rest(self, stable: str) -> None:
        """Make the store slow, and leave it so."""
        self._slow_down()
        what = f"S3 {self.pace.delay_ms} ms slower, at rest"
        self._expect(
            what, "cause Infrastructure, the same version serves alone", states.bears_infrastructure(stable)
        )
        self._expect_alert(what)

    def bad_while_slow(self, stable: str) -> None:
        """Ship a version 3 that answers with errors."""
        candidate = self._ship("3")
        self._expect("version 3, while S3 is slow", "it gets traffic", states.has_traffic(candidate))
        self._set_fault(candidate)
        what = f"{FAULT_SHARE:.0%} errors of version 3, while S3 is slow"
        self._expect(
            what,
            "it is rejected for availability, cause Model",
            states.is_rejected_for_availability(candidate),
        )
        self._expect(what, "the version before has all traffic", states.serves_alone(stable, candidate))

    def recover(self, stable: str) -> None:
        """Make the store quick again."""
        self._speed_up()
        self._expect("S3 as quick as before", "the incident is over", states.is_over(stable))
        self._expect_no_alert("S3 as quick as before")

    # Doing

    def _ship(self, version: str) -> str:
        self.stage.screen.say(f"$ kubectl apply -f features.yaml   # VERSION={version}")
        manifest: dict[str, Any] = yaml.safe_load((BENCH / "features.yaml").read_text())
        container = manifest["spec"]["server"]["template"]["spec"]["containers"][0]
        container["env"][0]["value"] = version
        within = {"latency": self.pace.latency_within, "storage": self.pace.storage_within}
        for objective in manifest["spec"]["objectives"]:
            if objective["name"] in within:
                objective[objective["name"]]["within"] = within[objective["name"]]
        return self.stage.ship(manifest)

    def _slow_down(self) -> None:
        self.stage.screen.say(f"S3 answers {self.pace.delay_ms} ms later from now on", "bold yellow")
        self.store.slow_down(self.pace.delay_ms)

    def _speed_up(self) -> None:
        self.stage.screen.say("S3 answers at once again", "bold yellow")
        self.store.speed_up()

    def _set_fault(self, revision: str) -> None:
        """Let a share of a revision's predictions fail."""
        self.stage.screen.say(f"{FAULT_SHARE:.0%} of the answers of {revision} are errors", "bold yellow")
        pods = self.stage.kubectl("get", "pods", "-l", f"{LABEL_REVISION}={revision}", "-o", "name")
        for pod in pods.split():
            address = f"/api/v1/namespaces/{self.stage.namespace}/pods/{pod.removeprefix('pod/')}:8080"
            self.stage.kubectl("get", "--raw", f"{address}/proxy/fault?share={FAULT_SHARE}")

    # Expecting

    def _expect(self, what: str, expected: str, until: states.Condition) -> None:
        assert self._status is not None  # noqa: S101 - the first chapter sets it
        began = time.monotonic()
        found = self._status.wait(lambda deployment: until(deployment.status), PATIENCE_SECONDS)
        if found is None:
            seen = states.in_words(self._status.sightings()[-1].status)
            raise DemoError(f"{what}: expected that {expected}; seen: {seen}")
        self._came(what, expected, states.in_words(found.status), began)

    def _expect_alert(self, what: str) -> None:
        expected, began = f"alert {ALERT_INFRASTRUCTURE} in Alertmanager", time.monotonic()
        while not (alerts := self._alerts()):
            self._wait_on(began, what, expected)
        seen = alerts[0]["annotations"]["description"]
        if "Objective storage: " not in seen:
            raise DemoError(f"{what}: the alert does not name the store: {seen}")
        self._came(what, expected, seen, began)

    def _expect_no_alert(self, what: str) -> None:
        expected, began = f"no alert {ALERT_INFRASTRUCTURE} any more", time.monotonic()
        while self._alerts():
            self._wait_on(began, what, expected)
        self._came(what, expected, "none fires", began)

    def _wait_on(self, began: float, what: str, expected: str) -> None:
        if time.monotonic() > began + PATIENCE_SECONDS:
            raise DemoError(f"{what}: expected {expected}, in vain for {PATIENCE_SECONDS:.0f} s")
        time.sleep(2)

    def _alerts(self) -> list[dict[str, Any]]:
        """Return what fires in Alertmanager about this deployment's infrastructure."""
        path = "/api/v1/namespaces/monitoring/services/alertmanager:9093/proxy/api/v2/alerts"
        shown: list[dict[str, Any]] = json.loads(self.stage.cluster.kubectl("get", "--raw", path))
        own = {"alertname": ALERT_INFRASTRUCTURE, "namespace": self.stage.namespace}
        return [each for each in shown if own.items() <= each["labels"].items()]

    def _came(self, what: str, expected: str, seen: str, began: float) -> None:
        seconds = time.monotonic() - began
        self.steps.append(Step(what, expected, seen, seconds))
        self.stage.screen.say(f"after {seconds:.0f} s, as expected, {expected}: {seen}", "green")
