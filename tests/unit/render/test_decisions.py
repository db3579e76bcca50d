"""The ConfigMap of decisions."""

import orjson

from modelward.api.status import Cause, DecisionRecord
from modelward.render.decisions import KEPT, decisions, record_key
from tests.unit.render import cases

IDENTITY = cases.identity_of("shop")


def record(minute: int, rule: str = "RollBack") -> DecisionRecord:
    """Make the record of a decision at a minute past noon."""
    return DecisionRecord(
        time=f"2026-01-01T12:{minute:02}:00Z",
        rule=rule,
        revision="shop-a",
        action="RolledBack",
        reason="LatencyBreached",
        cause=Cause.MODEL,
    )


def test_a_record_is_kept_as_it_is_in_status() -> None:
    """The entry is named by time, rule and revision, and reads back to the very record."""
    manifest = decisions(IDENTITY, {}, record(1))
    assert manifest["metadata"]["name"] == "shop-decisions"
    ((key, text),) = manifest["data"].items()
    assert key == "20260101T120100Z_RollBack_shop-a"
    assert DecisionRecord.model_validate(orjson.loads(text)) == record(1)


def test_the_oldest_goes_when_there_are_twenty() -> None:
    """The newest stay, whatever the order in which they came."""
    known: dict[str, str] = {}
    for minute in range(KEPT + 5):
        known = decisions(IDENTITY, known, record(minute))["data"]
    assert list(known) == [record_key(record(minute)) for minute in range(5, KEPT + 5)]


def test_records_of_one_second_are_all_kept() -> None:
    """Two gates may end in one second, and two people say yes."""
    several = [
        record(1, "ReadGates").model_copy(update={"time": f"2026-01-01T12:01:00.{number}00000Z"})
        for number in range(3)
    ]
    known: dict[str, str] = {}
    for each in several:
        known = decisions(IDENTITY, known, each)["data"]
    assert [DecisionRecord.model_validate_json(text) for text in known.values()] == several


def test_what_is_there_is_never_written_anew() -> None:
    """A record that was added before a crash stays as it was."""
    known = {record_key(record(1)): "as it was"}
    assert decisions(IDENTITY, known, record(1))["data"] == known
