"""The faulty model server as a ModelDeployment: shipped, asked, broken and watched by tests."""

import json
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final, TypeAlias

import yaml

from dev.demo.cluster import DemoError
from dev.demo.record import Traffic
from dev.demo.stage import CHECKOUT, EXAMPLE, Stage, serves
from dev.demo.watchers import StatusWatcher
from modelward.api.status import ModelDeploymentStatus
from modelward.cli.resource import Deployment

NAME: Final = "faulty"
BENCH: Final = CHECKOUT / "bench"
PATIENCE_SECONDS: Final = 900.0
"""Several times what anything takes on two cores that have much other work too."""

OBJECTIVES: Final = [
    # A machine with other work answers late now and then; that is not what these tests are about.
    {"name": "latency", "latency": {"within": "20s"}, "target": "99%"},
    {"name": "availability", "availability": {}, "target": "99%"},
]
Rollout: TypeAlias = dict[str, Any]
SHORT_STEP: Final[Rollout] = {
    "steps": [{"weight": 50, "duration": "20s", "minRequests": 60}],
    "standby": {"retain": "30m"},
}
"""For a good candidate: it is over soon."""
LONG_STEP: Final[Rollout] = {"steps": [{"weight": 50, "duration": "30m", "minRequests": 1_000_000}]}
"""For a candidate to which something is to happen meanwhile: neither time nor evidence ends it."""


@dataclass(slots=True)
class Faulty:
    """One ModelDeployment of the faulty server in a namespace of its own."""

    stage: Stage
    status: StatusWatcher | None = None

    def furnish(self) -> None:
        """Put what pods need into the namespace: the replay's files, the server's, and S3's credentials."""
        self.stage.provide_files("electricity-files", EXAMPLE)
        self.stage.provide_files("bench-files", BENCH)
        self.stage.provide_model_store()

    def upload(self, destination: str = "s3://models/faulty") -> None:
        """Put the server into S3 as the model, at its usual place or elsewhere."""
        job = (BENCH / "upload.yaml").read_text().replace("s3://models/faulty", destination)
        self.stage.kubectl("delete", "job", "upload", "--ignore-not-found")
        self.stage.apply(job)
        patience = f"--timeout={PATIENCE_SECONDS:.0f}s"
        self.stage.kubectl("wait", "--for=condition=Complete", patience, "job/upload")

    def ship(self, version: str, **changes: Any) -> str:
        """Apply a version of the server and return its revision.

        `changes` replace top-level fields of spec; those of `server` and `container` go into what is there.
        """
        manifest: dict[str, Any] = yaml.safe_load((BENCH / "faulty.yaml").read_text())
        container = manifest["spec"]["server"]["template"]["spec"]["containers"][0]
        container["env"][0]["value"] = version
        container["resources"]["requests"]["cpu"] = "1m"  # other tests' pods are to fit on the node too
        container |= changes.pop("container", {})
        manifest["spec"]["server"] |= changes.pop("server", {})
        manifest["spec"] |= {"rollout": SHORT_STEP, "objectives": OBJECTIVES, **changes}
        revision = self.stage.ship(manifest)
        if self.status is None:
            self.status = self.stage.watch(NAME)
        return revision

    def serve(self, version: str, **changes: Any) -> str:
        """Apply a version and wait until it serves."""
        revision = self.ship(version, **changes)
        self.wait(serves(revision), f"version {version} to serve")
        return revision

    def wait(self, until: Callable[[Deployment], bool], what: str) -> ModelDeploymentStatus:
        """Return the first status for which `until` holds; fails with what there was instead."""
        assert self.status is not None
        try:
            return self.stage.wait(self.status, until, PATIENCE_SECONDS, what).status
        except DemoError as error:
            seen = self.status.sightings()[-1].status.model_dump_json(by_alias=True, indent=1)
            raise AssertionError(f"{error}; the last status was {seen}") from error

    def condition(self, kind: str, reason: str) -> Callable[[Deployment], bool]:
        """Return the condition that a condition has a reason."""
        return lambda deployment: any(
            each.type == kind and each.reason == reason for each in deployment.status.conditions
        )

    def pods(self, revision: str) -> list[str]:
        """Return the names of a revision's pods."""
        selector = f"modelward.dev/revision={revision}"
        listed = json.loads(self.stage.kubectl("get", "pods", "-l", selector, "-o", "json"))
        return [pod["metadata"]["name"] for pod in listed["items"]]

    def set_fault(self, revision: str, share: float) -> None:
        """Let a share of a revision's predictions fail."""
        for pod in self.pods(revision):
            path = f"/api/v1/namespaces/{self.stage.namespace}/pods/{pod}:8080/proxy/fault?share={share}"
            self.stage.kubectl("get", "--raw", path)

    def start_traffic(self) -> None:
        """Send 12 requests/s over 8 keep-alive connections."""
        self.stage.start_replay(
            {
                "--url=http://electricity": f"--url=http://{NAME}",
                "--rate=22": "--rate=12",
                "--connections=8": "--connections=8, --model=m",
                "cpu: 100m": "cpu: 10m",
            }
        )

    def end_traffic(self) -> Traffic:
        """End it and return its record."""
        return self.stage.end_replay()

    def traffic_reaches(self, version: str) -> None:
        """Wait until a version has answered a request."""
        limit = time.monotonic() + PATIENCE_SECONDS
        while time.monotonic() < limit:
            if any(answer.version == version for answer in self.stage.read_replay().answers):
                return
            time.sleep(3)
        raise AssertionError(f"version {version} answered nothing in {PATIENCE_SECONDS:.0f} s")
