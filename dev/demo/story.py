"""The demonstration's chapters: install, train, serve, ship two bad versions, ship a good one."""

from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Final

import yaml

from dev.demo import traces
from dev.demo.cluster import DemoError
from dev.demo.expectations import Promise
from dev.demo.record import Traffic
from dev.demo.stage import EXAMPLE, REPLAY, Stage, is_decided, is_settled, serves
from dev.demo.timeline import Shipment
from dev.demo.watchers import StatusWatcher, TrafficWatcher

NAMESPACE: Final = "electricity"
NAME: Final = "electricity"
BASELINE_ANSWERS: Final = 900
"""Of version 1 before anything is shipped, so that its usual share of bad answers is known."""
READY_SECONDS: Final = 400.0
DECISION_SECONDS: Final = 600.0

VERSIONS: Final = {
    "1": "good",
    "2": "wrong more often",
    "3": "slow",
    "4": "better",
}
PROMISES: Final = (
    Promise("2", "accuracy", 0),
    Promise("3", "latency", 0),
    Promise("4", None, 2),
)


@dataclass(slots=True)
class Story:
    """One run."""

    stage: Stage
    shipments: list[Shipment] = field(default_factory=list)

    def prepare(self) -> None:
        """Install the operator, train every version in the cluster and put it into S3."""
        self.stage.clear()
        self.stage.screen.say("Jaeger, for the traces")
        traces.provide(self.stage.cluster)
        self.stage.install_operator(
            {"env[0].name": "OTEL_EXPORTER_OTLP_ENDPOINT", "env[0].value": traces.ENDPOINT_HTTP}
        )
        self.stage.screen.say("training four versions on the Elec2 sample and putting them into S3")
        self.stage.provide_files("electricity-files", EXAMPLE)
        self.stage.provide_model_store()
        self.stage.apply((EXAMPLE / "profile.yaml").read_text())
        self.stage.run_job(EXAMPLE / "train.yaml")
        for line in self.stage.kubectl("logs", "job/electricity-train", "-c", "train").splitlines():
            self.stage.screen.say(f"  {line}", "")

    def serve(self) -> StatusWatcher:
        """Apply version 1, wait until it serves, and begin the traffic."""
        self._ship("1")
        status = self.stage.watch(NAME)
        self.stage.wait(status, serves(self.shipments[-1].revision), READY_SECONDS, "version 1 to serve")
        self.stage.screen.say("live traffic: 22 requests/s over 8 keep-alive connections, labels 3 s later")
        self.stage.start_replay({})
        traffic = TrafficWatcher(self.stage.cluster, NAMESPACE, REPLAY, self.stage.screen)
        traffic.start()
        if not traffic.wait_for_answers(BASELINE_ANSWERS, "1", READY_SECONDS):
            raise DemoError(f"version 1 did not answer {BASELINE_ANSWERS} requests in {READY_SECONDS:.0f} s")
        self.stage.screen.table()
        return status

    def ship(self, version: str, status: StatusWatcher) -> None:
        """Apply a version and wait until it is promoted or rejected and all traffic has followed."""
        self._ship(version)
        revision = self.shipments[-1].revision
        what = f"a decision on version {version}"
        deployment = self.stage.wait(status, is_decided(revision), DECISION_SECONDS, what)
        decision = next(each for each in deployment.status.history if each.revision == revision)
        style = "bold green" if decision.action == "Promoted" else "bold red"
        self.stage.screen.say(f"{decision.action} ({decision.reason}) {decision.message}", style)
        self.stage.wait(status, is_settled, READY_SECONDS, "all traffic to follow")
        self.stage.screen.table()

    def end(self) -> Traffic:
        """End the traffic and return its record."""
        return self.stage.end_replay()

    def _ship(self, version: str) -> None:
        manifest: dict[str, Any] = yaml.safe_load((EXAMPLE / "modeldeployment.yaml").read_text())
        uri = f"s3://models/electricity/{version}"
        manifest["spec"]["model"]["uri"] = uri
        self.stage.screen.say(
            f"$ kubectl apply -f modeldeployment.yaml   # model.uri: {uri}, {VERSIONS[version]}"
        )
        applied_at = datetime.now(UTC)
        revision = self.stage.ship(traces.traced(manifest))
        self.shipments.append(Shipment(version, revision, VERSIONS[version], applied_at))
