"""What a revision has passed, as its ControllerRevision remembers it."""

from typing import Any

from modelward import conventions as names
from modelward.api.gateverdict import Result
from modelward.control import kinds
from modelward.control.cache import Cache
from modelward.control.passedgates import passed
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
        '{"why": {"configuration": "c1", "message": "fine", "finished_at": "2026-01-01T00:00:00Z", '
        '"report": "configmap/r"}}'
    )
    (gate,) = passed(cache_with(written), KEY, "electricity-x")
    assert (gate.name, gate.configuration, gate.result, gate.run) == ("why", "c1", Result.PASSED, "")
    assert (gate.message, gate.report) == ("fine", "configmap/r")
    assert gate.finished_at is not None
    assert gate.finished_at.year == 2026


def test_what_cannot_be_read_is_no_pass() -> None:
    """An annotation that is no record, or a revision that is gone, has passed nothing."""
    assert passed(cache_with("{"), KEY, "electricity-x") == ()
    assert passed(cache_with('{"why": {}}'), KEY, "electricity-x") == ()
    assert passed(Cache(), KEY, "electricity-x") == ()
