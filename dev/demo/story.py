"""The demonstration's chapters: install, train, serve, ship two bad versions, ship a good one."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import yaml

from dev.demo.cluster import Cluster, DemoError
from dev.demo.expectations import Promise
from dev.demo.record import Traffic, read_traffic
from dev.demo.screen import Screen
from dev.demo.timeline import REJECTIONS, Shipment
from dev.demo.watchers import StatusWatcher, TrafficWatcher
from modelward.api.revision import revision_inputs, revision_name
from modelward.api.status import Phase
from modelward.cli.access import Access, Scope
from modelward.cli.resource import Deployment, read

NAMESPACE: Final = "electricity"
NAME: Final = "electricity"
REPLAY: Final = "electricity-replay"
EXAMPLE: Final = Path(__file__).parents[2] / "examples" / "electricity"
CHART: Final = Path(__file__).parents[2] / "helm" / "modelward"
BASELINE_ANSWERS: Final = 1200
"""Of version 1 before anything is shipped, so that its usual share of bad answers is known."""
READY_SECONDS: Final = 180.0
DECISION_SECONDS: Final = 300.0

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

    cluster: Cluster
    screen: Screen
    shipments: list[Shipment] = field(default_factory=list)

    def clear(self) -> None:
        """Remove what an earlier run left."""
        if self.cluster.kubectl("get", "namespace", NAMESPACE, "--ignore-not-found", "-o", "name"):
            self.screen.say("removing what an earlier run left")
            self.cluster.kubectl("delete", "namespace", NAMESPACE, "--timeout=120s")

    def install(self) -> None:
        """Install or upgrade the operator."""
        self.screen.say(f"$ helm upgrade --install modelward helm/modelward --namespace {SYSTEM}")
        settings = [f"--set={key}={value}" for key, value in chart_values(self.cluster).items()]
        self.cluster.helm(
            *("upgrade", "--install", "modelward", str(CHART), "--namespace", SYSTEM, "--create-namespace"),
            *("--wait", "--timeout=120s", *settings),
        )

    def train(self) -> None:
        """Train every version in the cluster and put it into S3."""
        self.screen.say("training four versions on the Elec2 sample and putting them into S3")
        self.cluster.kubectl("create", "namespace", NAMESPACE)
        files = self.cluster.kubectl(
            *("create", "configmap", "electricity-files", f"--from-file={EXAMPLE}"),
            *("--dry-run=client", "-o", "yaml"),
        )
        self._apply(files)
        self._apply(self._model_store())
        self._apply(self.cluster.with_images((EXAMPLE / "train.yaml").read_text()))
        self._kubectl("wait", "--for=condition=Complete", "--timeout=180s", "job/electricity-train")
        for line in self._kubectl("logs", "job/electricity-train", "-c", "train").splitlines():
            self.screen.say(f"  {line}", "")

    def serve(self) -> tuple[StatusWatcher, TrafficWatcher]:
        """Apply version 1, wait until it serves, and begin the traffic."""
        self._ship("1")
        access = Access(str(self.cluster.kubeconfig) if self.cluster.kubeconfig else None, None)
        status = StatusWatcher(access, Scope(NAMESPACE, NAME), self.screen)
        status.start()
        self._wait(status, _serves(self.shipments[-1].revision), READY_SECONDS, "version 1 to serve")
        self.screen.say("live traffic: 30 requests/s over 8 keep-alive connections, labels 5 s later")
        self._apply(self.cluster.with_images((EXAMPLE / "replay.yaml").read_text()))
        self._kubectl("wait", "--for=condition=Ready", "--timeout=60s", f"pod/{REPLAY}")
        traffic = TrafficWatcher(self.cluster, NAMESPACE, REPLAY, self.screen)
        traffic.start()
        if not traffic.wait_for_answers(BASELINE_ANSWERS, "1", READY_SECONDS):
            raise DemoError(f"version 1 did not answer {BASELINE_ANSWERS} requests in {READY_SECONDS:.0f} s")
        self.screen.table()
        return status, traffic

    def ship(self, version: str, status: StatusWatcher) -> None:
        """Apply a version and wait until it is promoted or rejected and all traffic has followed."""
        self._ship(version)
        revision = self.shipments[-1].revision
        deployment = self._wait(
            status, _is_decided(revision), DECISION_SECONDS, f"a decision on version {version}"
        )
        decision = next(each for each in deployment.status.history if each.revision == revision)
        style = "bold green" if decision.action == "Promoted" else "bold red"
        self.screen.say(f"{decision.action} ({decision.reason}) {decision.message}", style)
        self._wait(status, _is_settled, READY_SECONDS, "all traffic to follow")
        self.screen.table()

    def end(self) -> Traffic:
        """End the traffic and return its record."""
        stop = "import os, signal; os.kill(1, signal.SIGTERM)"
        self._kubectl("exec", REPLAY, "--", "python", "-c", stop)
        self._kubectl("wait", "--for=jsonpath={.status.phase}=Succeeded", "--timeout=60s", f"pod/{REPLAY}")
        return read_traffic(self._kubectl("logs", REPLAY).splitlines())

    def _ship(self, version: str) -> None:
        manifest: dict[str, Any] = yaml.safe_load(
            self.cluster.with_images((EXAMPLE / "modeldeployment.yaml").read_text())
        )
        manifest["spec"]["model"]["uri"] = f"s3://models/electricity/{version}"
        self.screen.say(
            f"$ kubectl apply -f modeldeployment.yaml   # model.uri: {manifest['spec']['model']['uri']}, "
            f"{VERSIONS[version]}"
        )
        applied_at = datetime.now(UTC)
        stored = yaml.safe_load(self._apply(yaml.safe_dump(manifest), "-o", "yaml"))
        revision = revision_name(NAME, revision_inputs(read(stored).spec))
        self.shipments.append(Shipment(version, revision, VERSIONS[version], applied_at))

    def _model_store(self) -> str:
        """Return the development S3 server's credentials as a Secret of the demonstration's namespace."""
        secret = yaml.safe_load(
            self.cluster.kubectl("get", "secret", "s3-credentials", "--namespace", "storage", "-o", "yaml")
        )
        data = {key: value for key, value in secret["data"].items() if key.startswith("AWS_")}
        copy = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "model-store"}, "data": data}
        return yaml.safe_dump(copy)

    def _wait(
        self, status: StatusWatcher, until: Callable[[Deployment], bool], seconds: float, what: str
    ) -> Deployment:
        deployment = status.wait(until, seconds)
        if deployment is None:
            self.screen.table()
            raise DemoError(f"waited {seconds:.0f} s in vain for {what}")
        return deployment

    def _apply(self, manifest: str, *arguments: str) -> str:
        return self._kubectl("apply", "--server-side", "-f", "-", *arguments, text=manifest)

    def _kubectl(self, *arguments: str, text: str | None = None) -> str:
        return self.cluster.kubectl("--namespace", NAMESPACE, *arguments, text=text)


SYSTEM: Final = "modelward-system"


def chart_values(cluster: Cluster) -> dict[str, str]:
    """Return the chart's values for the development cluster."""
    return {
        "images.operator": cluster.images["operator"],
        "images.monitor": cluster.images["monitor"],
        "images.collector": cluster.images["otel-collector"],
        "prometheus.url": "http://prometheus-operated.monitoring.svc:9090",
    }


def _serves(revision: str) -> Callable[[Deployment], bool]:
    return lambda deployment: (
        deployment.status.stable_revision == revision and deployment.status.phase is Phase.SERVING
    )


def _is_decided(revision: str) -> Callable[[Deployment], bool]:
    final = REJECTIONS | {"Promoted"}
    return lambda deployment: any(
        each.revision == revision and each.action in final for each in deployment.status.history
    )


def _is_settled(deployment: Deployment) -> bool:
    return deployment.status.phase is Phase.SERVING and deployment.status.withdrawal is None
