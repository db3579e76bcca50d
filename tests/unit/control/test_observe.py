"""From the cache to an observation."""

from typing import Any

import orjson

from modelward.control import kinds, observe
from modelward.control.cache import Cache
from modelward.control.monitors import Reading
from modelward.decide.observation import Problem, ProblemReason
from modelward.signals.key import Key

KEY = Key("ns", "model")
REVISION = "model-abc"
A, B = "sha256:" + "a" * 64, "sha256:" + "b" * 64


class Seen:
    """A cache, filled object by object."""

    def __init__(self, recorded_digest: str = "") -> None:
        """Start with one revision."""
        self.cache = Cache()
        self._version = 0
        annotations = {"modelward.dev/model-digest": recorded_digest} if recorded_digest else {}
        self.add(kinds.CONTROLLER_REVISION, REVISION, metadata={"annotations": annotations})

    def add(self, kind: kinds.Kind, name: str, metadata: dict[str, Any] | None = None, **rest: Any) -> None:
        """Add an object of the revision."""
        self._version += 1
        common = {
            "namespace": "ns",
            "name": name,
            "uid": f"uid-{name}",
            "resourceVersion": str(self._version),
            "labels": {"modelward.dev/deployment": "model", "modelward.dev/revision": REVISION},
        }
        self.cache.put(kind, {"metadata": {**common, **(metadata or {})}, **rest})

    def pod(
        self, name: str, *, ready: bool = True, digest: str = "", phase: str = "Running", going: bool = False
    ) -> None:
        """Add a pod."""
        fetched = {"terminated": {"exitCode": 0, "message": orjson.dumps({"digest": digest}).decode()}}
        self.add(
            kinds.POD,
            name,
            metadata={"deletionTimestamp": "2026-01-01T00:00:00Z"} if going else {},
            status={
                "phase": phase,
                "podIP": "10.0.0.1",
                "conditions": [{"type": "Ready", "status": "True" if ready else "False"}],
                "initContainerStatuses": [{"name": "fetch", "state": fetched}] if digest else [],
                "containerStatuses": [{"name": "model", "ready": ready, "state": {"running": {}}}],
            },
        )

    @property
    def revision(self) -> observe.PodsOfRevision:
        """Return the revision with its pods."""
        return observe.revisions(self.cache, KEY)[REVISION]


def test_pods_are_counted() -> None:
    """Pods that start or go away exist; only those that are ready and stay are ready; ended ones are gone."""
    seen = Seen()
    seen.pod("ready")
    seen.pod("starting", ready=False)
    seen.pod("going", going=True)
    seen.pod("evicted", phase="Failed")
    observed = observe.observe(seen.revision, {})
    assert (observed.pods, observed.ready) == (3, 1)
    assert observed.problem == Problem(ProblemReason.NOT_READY, "pod starting: containers not ready: model")


def test_readings_count_only_if_every_monitor_was_read() -> None:
    """The sum is not known while a monitor is silent or busy; of generations the lowest counts."""
    seen = Seen()
    seen.pod("one")
    seen.pod("two")
    one, two = Reading(7, 100, 0), Reading(6, 50, 0)
    both = observe.observe(seen.revision, {"uid-one": one, "uid-two": two})
    assert (both.informed_generation, both.requests) == (6, 150)
    half = observe.observe(seen.revision, {"uid-one": one})
    assert (half.informed_generation, half.requests) == (-1, None)
    busy = observe.observe(seen.revision, {"uid-one": one, "uid-two": Reading(7, 50, 1)})
    assert (busy.informed_generation, busy.requests) == (7, None)


def test_pods_that_fetched_different_contents_are_a_problem() -> None:
    """Two digests under one revision mean that the model was overwritten."""
    seen = Seen()
    seen.pod("one", digest=A)
    assert observe.observe(seen.revision, {}).problem is None
    seen.pod("two", digest=B)
    problem = observe.observe(seen.revision, {}).problem
    assert problem is not None
    assert problem.reason is ProblemReason.DIGEST_MISMATCH
    assert A in problem.message
    assert B in problem.message


def test_digest_other_than_the_recorded_one_is_a_problem() -> None:
    """What the first fetch recorded holds for every later pod."""
    seen = Seen(recorded_digest=A)
    seen.pod("one", digest=B)
    problem = observe.observe(seen.revision, {}).problem
    assert problem is not None
    assert problem.reason is ProblemReason.DIGEST_MISMATCH


def test_refused_pods_are_a_problem() -> None:
    """A quota that lets no pod be made is told in the API server's own words."""
    seen = Seen()
    failure = {"type": "ReplicaFailure", "status": "True", "message": "exceeded quota"}
    seen.add(kinds.DEPLOYMENT, REVISION, status={"conditions": [failure]})
    assert observe.observe(seen.revision, {}).problem == Problem(
        ProblemReason.CREATE_FAILED, "exceeded quota"
    )


def test_commands_are_read_from_annotations() -> None:
    """What a person asked for is passed on as written."""
    annotations = {"modelward.dev/retry": "r@1", "modelward.dev/undo": "u@2"}
    asked = observe.commands({"metadata": {"annotations": annotations}})
    assert (asked.retry, asked.abort, asked.undo) == ("r@1", "", "u@2")
    assert observe.commands({"metadata": {}}).retry == ""
