"""The chapters: three candidates that fail a gate each, one that waits for two people, and a veto.

Candidates are Elec2 models behind MLServer, under live traffic. What must come of each is said step by step.
"""

import base64
import gzip
import json
import tempfile
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import yaml

from dev.demo.cluster import DemoError
from dev.demo.gates import states
from dev.demo.gates.people import People, word
from dev.demo.stage import CHECKOUT, EXAMPLE, REPLAY, Stage
from dev.demo.steps import Step
from dev.demo.watchers import StatusWatcher, TrafficWatcher
from modelward.api.approval import ApprovalDecision
from modelward.api.reading import read_spec
from modelward.api.revision import revision_inputs, revision_name
from modelward.api.status import ModelDeploymentStatus
from modelward.cli.access import Access, Scope
from modelward.cli.review.page import page
from modelward.cli.review.sources import Sources

NAME: Final = "electricity"
GATES: Final = CHECKOUT / "examples" / "gates"
STORE: Final = "s3://models/gates"
PEOPLE: Final = "people"
"""The gate that two people's word passes."""
BASELINE_ANSWERS: Final = 200
PATIENCE_SECONDS: Final = 900.0
"""Several times what the longest takes on a quiet machine: three gates, two at a time."""


@dataclass(slots=True)
class Story:
    """One run, in a namespace of a cluster with the operator."""

    stage: Stage
    requests_per_second: int = 22
    steps: list[Step] = field(default_factory=list)
    folder: Path = field(default_factory=lambda: Path(tempfile.mkdtemp(prefix="modelward-gates-")))
    """Where reports and pages are put."""
    _status: StatusWatcher | None = None

    @property
    def people(self) -> People:
        """Return who takes part."""
        return People(self.stage)

    def prepare(self) -> None:
        """Put data and models into S3, and give everybody their rights."""
        self.stage.provide_files("electricity-files", EXAMPLE)
        self.stage.provide_files("gates-files", GATES)
        self.stage.provide_model_store()
        self.stage.run_job(GATES / "prepare.yaml")
        self.people.bind()

    def run(self) -> None:
        """Tell the whole story."""
        good = self.serve()
        self.set_gates()
        self.reject("leaning", "why", "a model that leans on a feature that it must not")
        self.reject("brittle", "calm", "a brittle model")
        tuned = self.wait_for_people(good)
        self.veto(tuned, good)

    # The chapters

    def serve(self) -> str:
        """Ship a good model without gates, and begin the traffic; returns its revision."""
        revision = self._ship("dana", manifest("good"))
        self._status = self.stage.watch(NAME)
        self._expect("a good model, no gates asked", "it serves", states.serves_alone(revision))
        self.stage.start_replay({"--rate=22": f"--rate={self.requests_per_second}", "cpu: 100m": "cpu: 10m"})
        traffic = TrafficWatcher(self.stage.cluster, self.stage.namespace, REPLAY, self.stage.screen)
        traffic.start()
        if not traffic.wait_for_answers(BASELINE_ANSWERS, "good", PATIENCE_SECONDS):
            raise DemoError(f"the first model gave less than {BASELINE_ANSWERS} answers")
        return revision

    def set_gates(self) -> None:
        """Have gates set by one who may, in a night in which the export of the validation data is broken."""
        broken = manifest("retrained", gates("broken.csv"))
        self._refused(
            "dana, who may deploy, sets gates", "dana", broken, "may not say what a candidate must pass"
        )
        self.reject(
            "retrained", "data", "gates are set, the validation data are broken", "lead", "broken.csv"
        )
        self.people.apply("lead", manifest("retrained", gates("validation.csv")))

    def reject(
        self, model: str, gate: str, what: str, who: str = "dana", validation: str = "validation.csv"
    ) -> str:
        """Ship a model that one gate must stop before its first request; returns its revision."""
        revision = self._ship(who, manifest(model, gates(validation)))
        status = self._expect(what, f"gate {gate} rejects it", states.is_rejected(revision, "GateFailed"))
        if gate not in (failed := states.failed_gates(status)):
            raise DemoError(f"{what}: expected gate {gate} to fail, seen: {failed}")
        described = self.stage.kubectl("describe", "mdep", NAME)
        message = next(each.message for each in status.gates if each.name == gate)
        if " ".join(message.split()) not in " ".join(described.split()):
            raise DemoError(f"{what}: kubectl describe does not say {message!r}")
        self._keep_report(revision, gate)
        return revision

    def wait_for_people(self, serving: str) -> str:
        """Ship a good model, which two people must approve; returns its revision."""
        what = "a good model"
        revision = self._ship("dana", manifest("tuned", gates("validation.csv")))
        self._expect(what, "it passes, and waits for two people", states.awaits(revision, PEOPLE, 0))
        self._review(revision, "before")
        self._refused("dana approves", "dana", self._yes(revision, "dana"), "forbidden")
        self._refused(
            "alice speaks for bob", "alice", self._yes(revision, "bob"), "nobody speaks for another"
        )
        self.people.apply("alice", self._yes(revision, "alice"))
        waits = self._expect(
            "alice approves", "a second person is awaited", states.awaits(revision, PEOPLE, 1)
        )
        if {share.revision for share in waits.traffic} != {serving}:
            raise DemoError(f"{serving} does not serve alone while people are awaited")
        self.people.apply("bob", self._yes(revision, "bob"))
        self._expect("bob approves", "it gets traffic", states.has_traffic(revision))
        self._expect("bob approves", "it is promoted", states.serves_alone(revision))
        return revision

    def veto(self, revision: str, before: str) -> None:
        """Have somebody say no to the revision that serves."""
        self._review(revision, "after")
        no = word(NAME, revision, "carol", ApprovalDecision.VETO, "complaints from the trading desk")
        self.people.apply("carol", no)
        self._expect("carol says no", "the version before has all traffic", states.serves_alone(before))
        self._expect(
            "carol says no", "it is rejected with her reason", states.is_rejected(revision, "Vetoed")
        )

    # Doing

    def _ship(self, who: str, asked: Mapping[str, Any]) -> str:
        uri = asked["spec"]["model"]["uri"]
        self.stage.screen.say(f"$ kubectl apply -f electricity.yaml --as {who}   # model.uri: {uri}")
        self.people.apply(who, asked)
        return revision_name(NAME, revision_inputs(read_spec(self._stored())))

    def _stored(self) -> dict[str, Any]:
        stored: dict[str, Any] = json.loads(self.stage.kubectl("get", "mdep", NAME, "-o", "json"))
        return stored

    @staticmethod
    def _yes(revision: str, who: str) -> dict[str, Any]:
        return word(NAME, revision, who, ApprovalDecision.APPROVE, "the plots are as they should be")

    def _keep_report(self, revision: str, gate: str) -> None:
        """Take a gate's report out of the cluster, once the operator has kept it."""
        name, key = f"{NAME}-gates-{revision}", f"{gate}.report.html.gz"

        def kept() -> bytes:
            found = self.stage.kubectl("get", "configmap", name, "--ignore-not-found", "-o", "json")
            packed = (json.loads(found).get("binaryData") or {}).get(key, "") if found else ""
            return base64.b64decode(packed)

        report = self._until(kept, f"the report of gate {gate} in ConfigMap {name}")
        file = self.folder / f"{revision}-{gate}.html"
        file.write_bytes(gzip.decompress(report))
        self.stage.screen.say(f"its report: {file}", "")

    def _review(self, revision: str, when: str) -> None:
        """Write the page that `kubectl modelward review` writes."""
        kubeconfig = self.stage.cluster.kubeconfig
        access = Access(str(kubeconfig) if kubeconfig else None, None)
        (deployment,) = access.list(Scope(self.stage.namespace, NAME))
        found = Sources(access).review(deployment, revision)
        if found.unread:
            raise DemoError(f"the review of {revision} lacks {found.unread}")
        file = self.folder / f"{revision}-review-{when}.html"
        file.write_text(page(found, datetime.now(UTC)))
        self.stage.screen.say(f"$ kubectl modelward review {NAME}: {file}")

    # Expecting

    def _expect(self, what: str, expected: str, until: states.Condition) -> ModelDeploymentStatus:
        assert self._status is not None  # noqa: S101 - the first chapter sets it
        began = time.monotonic()
        found = self._status.wait(lambda deployment: until(deployment.status), PATIENCE_SECONDS)
        if found is None:
            seen = states.in_words(self._status.sightings()[-1].status)
            raise DemoError(f"{what}: expected that {expected}; seen: {seen}")
        self._came(what, expected, states.in_words(found.status), began)
        return found.status

    def _refused(self, what: str, who: str, asked: Mapping[str, Any], said: str) -> None:
        began = time.monotonic()
        answer = self.people.refusal(who, asked)
        if said not in answer:
            raise DemoError(f"{what}: expected to be refused with {said!r}; seen: {answer}")
        self._came(what, "the API server refuses it", answer, began)

    def _until(self, found: Callable[[], bytes], what: str) -> bytes:
        began = time.monotonic()
        while not (value := found()):
            if time.monotonic() > began + PATIENCE_SECONDS:
                raise DemoError(f"waited {PATIENCE_SECONDS:.0f} s in vain for {what}")
            time.sleep(1)
        return value

    def _came(self, what: str, expected: str, seen: str, began: float) -> None:
        seconds = time.monotonic() - began
        self.steps.append(Step(what, expected, seen, seconds))
        self.stage.screen.say(f"after {seconds:.0f} s, as expected, {expected}: {seen}", "green")


def manifest(model: str, asked: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """Return the ModelDeployment of a model, with what gates ask of it."""
    found: dict[str, Any] = yaml.safe_load((EXAMPLE / "modeldeployment.yaml").read_text())
    spec = found["spec"]
    spec["model"]["uri"] = f"{STORE}/{model}"
    spec["replicas"] = 1  # this is about who gets traffic, not about how much
    del spec["drift"]  # its profile is of another model
    spec.update(asked or {})
    return found


def gates(validation: str) -> dict[str, Any]:
    """Return what examples/gates/gate.yaml asks, of data in the store, and two people beside it."""
    asked: dict[str, Any] = yaml.safe_load((GATES / "gate.yaml").read_text())
    asked["validation"]["uri"] = f"{STORE}/{validation}"
    asked["training"]["uri"] = f"{STORE}/training.csv"
    asked["gates"].append({"name": PEOPLE, "approval": {"required": 2}})
    return asked
