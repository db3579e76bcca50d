"""A namespace of the cluster, furnished: the operator installed, files and credentials in place."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import yaml

from dev.demo.cluster import Cluster, DemoError
from dev.demo.record import Traffic, read_traffic
from dev.demo.screen import Screen
from dev.demo.timeline import REJECTIONS
from dev.demo.watchers import StatusWatcher
from modelward.api.revision import revision_inputs, revision_name
from modelward.api.status import Phase
from modelward.cli.access import Access, Scope
from modelward.cli.resource import Deployment, read

CHECKOUT: Final = Path(__file__).parents[2]
EXAMPLE: Final = CHECKOUT / "examples" / "electricity"
CHART: Final = CHECKOUT / "helm" / "modelward"
SYSTEM: Final = "modelward-system"
PROMETHEUS: Final = "http://prometheus-operated.monitoring.svc:9090"
REPLAY: Final = "electricity-replay"
_PATIENCE: Final = "--timeout=600s"
"""Many times what starting or ending pods takes, for a machine that has much else to do."""


@dataclass(frozen=True, slots=True)
class Stage:
    """One namespace, and the screen on which it is told what happens there."""

    cluster: Cluster
    namespace: str
    screen: Screen

    def kubectl(self, *arguments: str, text: str | None = None) -> str:
        """Run kubectl in the namespace."""
        return self.cluster.kubectl("--namespace", self.namespace, *arguments, text=text)

    def apply(self, manifest: str | Mapping[str, Any], *arguments: str) -> str:
        """Apply a manifest, with the cluster's own names of images."""
        text = manifest if isinstance(manifest, str) else yaml.safe_dump(dict(manifest))
        return self.kubectl(
            "apply", "--server-side", "-f", "-", *arguments, text=self.cluster.with_images(text)
        )

    def clear(self) -> None:
        """Remove what an earlier run left, and make the namespace."""
        if self.cluster.kubectl("get", "namespace", self.namespace, "--ignore-not-found", "-o", "name"):
            self.screen.say("removing what an earlier run left")
            self.cluster.kubectl("delete", "namespace", self.namespace, _PATIENCE)
        self.cluster.kubectl("create", "namespace", self.namespace)

    def install_operator(self, more: Mapping[str, str] | None = None) -> None:
        """Install or upgrade the operator with this checkout's images and `more` values of the chart."""
        self.screen.say(f"$ helm upgrade --install modelward helm/modelward --namespace {SYSTEM}")
        values = {
            "images.operator": self.cluster.images["operator"],
            "images.monitor": self.cluster.images["monitor"],
            "images.collector": self.cluster.images["otel-collector"],
            **({"images.gates": gates} if (gates := self.cluster.images.get("gates")) else {}),
            "prometheus.url": PROMETHEUS,
            "alertmanagerWebhook.alertmanagerConfig.enabled": "true",
            **(more or {}),
        }
        self.cluster.helm(
            *("upgrade", "--install", "modelward", str(CHART), "--namespace", SYSTEM, "--create-namespace"),
            *("--wait", _PATIENCE, *(f"--set={key}={value}" for key, value in values.items())),
        )

    def provide_files(self, name: str, folder: Path) -> None:
        """Make a ConfigMap of the files in a folder."""
        command = ("create", "configmap", name, f"--from-file={folder}", "--dry-run=client", "-o", "yaml")
        self.apply(self.kubectl(*command))

    def provide_model_store(self) -> None:
        """Copy the development S3 server's credentials into the Secret model-store."""
        secret = json.loads(
            self.cluster.kubectl("get", "secret", "s3-credentials", "--namespace", "storage", "-o", "json")
        )
        data = {key: value for key, value in secret["data"].items() if key.startswith("AWS_")}
        self.apply({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "model-store"}, "data": data})

    def run_job(self, file: Path) -> None:
        """Run the Job of a manifest to its end."""
        name = yaml.safe_load(file.read_text())["metadata"]["name"]
        self.apply(file.read_text())
        self.kubectl("wait", "--for=condition=Complete", _PATIENCE, f"job/{name}")

    def ship(self, manifest: Mapping[str, Any]) -> str:
        """Apply a ModelDeployment and return the name of the revision that it describes."""
        stored: dict[str, Any] = json.loads(self.apply(manifest, "-o", "json"))
        return revision_name(stored["metadata"]["name"], revision_inputs(read(stored).spec))

    def watch(self, name: str) -> StatusWatcher:
        """Begin to follow a ModelDeployment."""
        kubeconfig = self.cluster.kubeconfig
        access = Access(str(kubeconfig) if kubeconfig else None, None)
        watcher = StatusWatcher(access, Scope(self.namespace, name), self.screen)
        watcher.start()
        return watcher

    def wait(
        self, status: StatusWatcher, until: Callable[[Deployment], bool], seconds: float, what: str
    ) -> Deployment:
        """Return the first deployment for which `until` holds; raises DemoError if none comes in time."""
        deployment = status.wait(until, seconds)
        if deployment is None:
            self.screen.table()
            raise DemoError(f"waited {seconds:.0f} s in vain for {what}")
        return deployment

    def start_replay(self, changes: Mapping[str, str]) -> None:
        """Start the replay pod; `changes` replace texts of its manifest."""
        manifest = (EXAMPLE / "replay.yaml").read_text()
        for old, new in changes.items():
            manifest = manifest.replace(old, new)
        self.apply(manifest)
        self.kubectl("wait", "--for=condition=Ready", _PATIENCE, f"pod/{REPLAY}")

    def read_replay(self) -> Traffic:
        """Return the replay's record so far."""
        return read_traffic(self.kubectl("logs", REPLAY).splitlines())

    def end_replay(self) -> Traffic:
        """End the replay and return its record."""
        stop = "import os, signal; os.kill(1, signal.SIGTERM)"
        self.kubectl("exec", REPLAY, "--", "python", "-c", stop)
        self.kubectl("wait", "--for=jsonpath={.status.phase}=Succeeded", _PATIENCE, f"pod/{REPLAY}")
        return self.read_replay()


def serves(revision: str) -> Callable[[Deployment], bool]:
    """Return the condition that a revision is stable and nothing else goes on."""
    return lambda deployment: deployment.status.stable_revision == revision and is_settled(deployment)


def is_decided(revision: str) -> Callable[[Deployment], bool]:
    """Return the condition that a revision was promoted or rejected."""
    final = REJECTIONS | {"Promoted"}
    return lambda deployment: any(
        each.revision == revision and each.action in final for each in deployment.status.history
    )


def is_settled(deployment: Deployment) -> bool:
    """Return whether the stable revision serves and no traffic is moving."""
    return deployment.status.phase is Phase.SERVING and deployment.status.withdrawal is None
