"""What a revision has passed, as its ControllerRevision remembers it."""

from typing import Any

from modelward import conventions as names
from modelward.api.gateverdict import Result
from modelward.api.status import GateResultName, GateStatus
from modelward.control import kinds
from modelward.control.cache import Cache
from modelward.control.passedgates import Measured, Passed, passed, with_passes
from modelward.signals.key import Key

KEY = Key("energy", "electricity")


def cache_with(annotation: str) -> Cache:
    """Return a cache that has one revision with an annotation."""
    cache = Cache()
    metadata: dict[str, Any] = {
        "name": "electricity-x",
        "namespace": KEY.namespace,
        "uid": "u",
        "resourceVersion": "1",
        "labels": {names.LABEL_DEPLOYMENT: KEY.name},
        "annotations": {names.ANNOTATION_PASSED_GATES: annotation},
    }
    cache.put(kinds.CONTROLLER_REVISION, {"metadata": metadata})
    return cache


def test_a_pass_is_read_with_all_that_is_known_of_it() -> None:
    """Configuration, message, time and report of each gate come back, as a pass of any run."""
    written = (
        '{"why": {"configuration": "c1", "stable": "m-1", "message": "fine", '
        '"finished_at": "2026-01-01T00:00:00Z", "report": "configmap/r"}}'
    )
    (gate,) = passed(cache_with(written), KEY, "electricity-x")
    assert (gate.name, gate.configuration, gate.result, gate.run) == ("why", "c1", Result.PASSED, "")
    assert gate.stable == "m-1"
    assert (gate.message, gate.report) == ("fine", "configmap/r")
    assert gate.finished_at is not None
    assert gate.finished_at.year == 2026


def test_a_pass_stays_beside_what_it_was_measured_beside() -> None:
    """A pass that counts again beside another revision is no new measurement; one that ended later is."""
    known = {"why": Passed(configuration="c1", stable="m-0", finished_at="2026-01-01T00:00:00Z")}
    kept = GateStatus(
        name="why",
        kind="interpretability",
        configuration="c1",
        result=GateResultName.PASSED,
        finished_at="2026-01-01T00:00:00Z",
    )
    assert with_passes(known, Measured("m-2", "m-1", (kept,))) == known
    later = kept.model_copy(update={"finished_at": "2026-01-02T00:00:00Z"})
    assert with_passes(known, Measured("m-2", "m-1", (later,)))["why"].stable == "m-1"
    person = kept.model_copy(update={"kind": "approval", "name": "people"})
    assert with_passes({}, Measured("m-2", "m-1", (person,))) == {}


def test_what_cannot_be_read_is_no_pass() -> None:
    """An annotation that is no record, or a revision that is gone, has passed nothing."""
    assert passed(cache_with("{"), KEY, "electricity-x") == ()
    assert passed(cache_with('{"why": {}}'), KEY, "electricity-x") == ()
    assert passed(Cache(), KEY, "electricity-x") == ()
