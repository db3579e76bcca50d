"""What an objective counts, and the hash by which its counters are told apart."""

from decimal import Decimal

import pytest

from modelward.api.objectives import (
    Objective,
    ObjectiveKind,
    VersusStable,
    event_config,
    judges_candidates,
    kind_of,
)
from tests.modeldeployments import Manifest

_LATENCY: Manifest = {"name": "latency", "latency": {"within": "200ms"}, "target": "99%"}


def _objective(**fields: object) -> Objective:
    return Objective.model_validate(_LATENCY | fields)


@pytest.mark.parametrize(
    ("fields", "kind"),
    [
        ({"latency": {"within": "1s"}}, ObjectiveKind.LATENCY),
        ({"availability": {}}, ObjectiveKind.AVAILABILITY),
        ({"accuracy": {}}, ObjectiveKind.ACCURACY),
        ({"storage": {"within": "300ms"}, "onBreach": "Alert"}, ObjectiveKind.STORAGE),
        ({"query": {"good": "a$revision", "total": "b$revision"}}, ObjectiveKind.QUERY),
    ],
)
def test_the_kind_is_the_field_that_is_set(fields: Manifest, kind: ObjectiveKind) -> None:
    """Each objective must be of the one kind that it was written as."""
    assert kind_of(Objective.model_validate({"name": "o", "target": "99%"} | fields)) is kind


def test_an_objective_of_no_kind_is_refused_when_made_past_the_rules() -> None:
    """Code that skips validation must not get a kind by chance."""
    with pytest.raises(
        ValueError, match="write exactly one of latency, availability, accuracy, storage and query"
    ):
        kind_of(Objective.model_construct(name="o", target=Decimal("0.99")))


@pytest.mark.parametrize(
    "fields",
    [{"target": "95%"}, {"onBreach": "Hold"}, {"name": "slow"}, {"versusStable": {"maxRatio": "1.2"}}],
)
def test_what_does_not_change_events_keeps_the_counters(fields: Manifest) -> None:
    """A changed target must be judged from the same counts."""
    assert event_config(_objective(**fields)) == event_config(_objective())


def test_what_changes_events_starts_anew() -> None:
    """Counts of another definition must never be mixed in."""
    assert event_config(_objective(latency={"within": "201ms"})) != event_config(_objective())


def test_the_same_definition_written_differently_is_the_same() -> None:
    """1s and 1000ms must share their counters."""
    assert event_config(_objective(latency={"within": "1s"})) == event_config(
        _objective(latency={"within": "1000ms"})
    )


@pytest.mark.parametrize(
    ("fields", "judges"),
    [
        ({}, True),
        ({"scope": "AfterPromotion"}, False),
        ({"latency": None, "storage": {"within": "1s"}, "onBreach": "Hold"}, False),
    ],
)
def test_a_candidate_is_judged_by_what_is_always_in_scope_and_its_own(fields: Manifest, judges: bool) -> None:
    """A store is the same for both arms, and late labels judge no candidate."""
    assert judges_candidates(_objective(**fields)) is judges


def test_a_tolerance_of_nothing_need_not_be_written() -> None:
    """`accuracy: {}` and a tolerance of "0" must share their counters."""
    accuracy: list[Manifest] = [{}, {"tolerance": "0.0"}]
    assert len({event_config(_objective(latency=None, accuracy=each)) for each in accuracy}) == 1


def test_another_clip_counts_other_events() -> None:
    """Shares of one clip must never be mixed with those of another, nor with right and wrong."""
    definitions: list[Manifest] = [{}, *({"meanAbsoluteError": {"clip": clip}} for clip in ("10", "20"))]
    configs = {event_config(_objective(latency=None, accuracy=definition)) for definition in definitions}
    assert len(configs) == len(definitions)


@pytest.mark.parametrize(
    ("written", "worse", "better"),
    [
        ({}, ("1.5", "0"), ("2", "0")),
        ({"maxRatio": "1.2"}, ("1.2", "0"), ("2", "0")),
        ({"maxRatio": "3"}, ("3", "0"), ("3", "0")),
        ({"notWorseRatio": "1.5"}, ("1.5", "0"), ("1.5", "0")),
        ({"maxMargin": "0.02"}, ("1", "0.02"), ("1", "0.04")),
        ({"maxMargin": "0.02", "notWorseMargin": "0.03"}, ("1", "0.02"), ("1", "0.03")),
    ],
)
def test_what_is_not_written_follows_from_what_is(
    written: Manifest, worse: tuple[str, str], better: tuple[str, str]
) -> None:
    """A margin must take the place of every ratio, and nothing may be worse and not worse at once."""
    versus = VersusStable.model_validate(written)
    assert versus.worse_above == tuple(map(Decimal, worse))
    assert versus.not_worse_below == tuple(map(Decimal, better))
