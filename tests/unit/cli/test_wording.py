"""How times, shares and objectives are written."""

from datetime import timedelta

import pytest

from modelward.api.objectives import Objective
from modelward.api.status import ObjectiveStatus
from modelward.cli import wording
from tests.unit.cli import recorded


@pytest.mark.parametrize(
    ("seconds", "written"),
    [(0, "0s"), (59, "59s"), (61, "1m1s"), (3600, "1h"), (90_000, "1d1h"), (11_520, "3h12m"), (-5, "0s")],
)
def test_span_uses_two_units(seconds: int, written: str) -> None:
    """A length of time has its two largest units; none is negative."""
    assert wording.span(timedelta(seconds=seconds)) == written


def test_ago_reads_a_time_without_offset_as_utc() -> None:
    """RFC 3339 times with and without an offset mean the same moment."""
    assert wording.ago("2026-03-01T11:58:00", recorded.NOW) == "2m ago"
    assert wording.ago("2026-03-01T12:58:00+01:00", recorded.NOW) == "2m ago"


@pytest.mark.parametrize(
    ("kind", "written"),
    [
        ({"latency": {"within": "1500ms"}}, "99% within 1s500ms"),
        ({"availability": {}}, "99% without server error"),
        ({"accuracy": {}}, "99% right"),
        ({"accuracy": {"tolerance": "0.5"}}, "99% right within 0.5"),
        (
            {"accuracy": {"meanAbsoluteError": {"clip": "10"}}},
            "mean absolute error at most 0.1, each clipped at 10",
        ),
    ],
)
def test_criterion_says_what_is_good(kind: dict[str, object], written: str) -> None:
    """Each kind of objective says what makes an event good and how many must be."""
    objective = Objective.model_validate({"name": "some", "target": "99%", **kind})
    assert wording.criterion(objective) == written


@pytest.mark.parametrize(("evidence", "share"), [("-3", 0.0), ("0.25", 0.25), ("7.5", 1.0)])
def test_evidence_share_stays_within_zero_and_one(evidence: str, share: float) -> None:
    """Evidence for a revision counts as none against it, and no breach is more than a breach."""
    status = ObjectiveStatus(name="a", revision="r", verdict="Unknown", evidence=evidence)
    assert wording.evidence_share(status) == share


def test_good_share_without_events_is_no_number() -> None:
    """No data is never shown as a share."""
    assert wording.good_share(ObjectiveStatus(name="a", revision="r", verdict="Unknown")) == "-"
    some = ObjectiveStatus(name="a", revision="r", verdict="Healthy", good=3, total=4)
    assert wording.good_share(some) == "75.00%"


def test_a_mean_error_is_written_as_such() -> None:
    """Errors that count by their size are told as their mean, not as good events."""
    status = ObjectiveStatus(
        name="a", revision="r", verdict="Healthy", good=990, total=1000, mean_absolute_error="0.1"
    )
    assert wording.counted(status) == "mean absolute error 0.1 over 1,000 labels"
    right = status.model_copy(update={"mean_absolute_error": None})
    assert wording.counted(right) == "990 of 1,000 good (99.00%)"
