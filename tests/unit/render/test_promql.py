"""How expressions are written; what they answer is tested with promtool (tests/golden)."""

from collections.abc import Callable, Collection

import pytest

from modelward.decide.observation import PressureKind
from modelward.render import infrastructure_promql, promql

ABOUT_DEPLOYMENTS = [
    promql.counts,
    promql.unknown_counts,
    promql.sampled_lately,
    promql.evidence_block_times,
    promql.evidence_state,
    infrastructure_promql.pressures,
]
Question = Callable[[Collection[tuple[str, str]]], str]


@pytest.mark.parametrize("question", ABOUT_DEPLOYMENTS)
def test_a_query_about_nobody_is_refused(question: Question) -> None:
    """No deployment would mean an empty matcher, which selects everything."""
    with pytest.raises(ValueError, match="at least one deployment"):
        question([])


@pytest.mark.parametrize("question", ABOUT_DEPLOYMENTS)
def test_one_deployment_is_matched_by_equality_and_many_by_alternatives(question: Question) -> None:
    """The same deployments in any order give the same text, names escaped as regular expressions."""
    assert 'namespace="ns"' in question([("ns", "shop")])
    assert 'deployment="shop"' in question([("ns", "shop")])
    assert r'deployment=~"a\\.b|shop"' in question([("ns", "shop"), ("ns", "a.b")])
    assert question([("ns", "a"), ("ns", "b")]) == question([("ns", "b"), ("ns", "a")])


def test_a_blocks_length_is_its_offset() -> None:
    """The difference is taken over one block."""
    assert "offset 10s" in promql.counts([("ns", "shop")], block_seconds=10)


def test_a_label_value_is_quoted() -> None:
    """Quotes, backslashes and line ends of a value stay inside its quotes."""
    assert r'a="\"\\\n"' in promql.firing_since("ns", {"a": '"\\\n'})


@pytest.mark.parametrize("labels", [{}, {"a-b": "x"}, {"alertstate": "firing"}, {"__name__": "x"}, {"": "x"}])
def test_labels_that_no_alert_has_are_refused(labels: dict[str, str]) -> None:
    """The error names the label or says that there is none."""
    with pytest.raises(ValueError, match="an alert"):
        promql.firing_since("ns", labels)


def test_each_kind_of_pressure_is_asked_for_and_named() -> None:
    """What comes back is read by these names."""
    asked = infrastructure_promql.pressures([("ns", "shop")])
    assert all(f'"pressure", "{kind.value}", "", ""' in asked for kind in PressureKind)


def test_requests_of_the_past_are_of_one_deployment_by_revision() -> None:
    """The block's own counts, and none of another deployment."""
    asked = promql.requests(("ns", "shop"), 10)
    series = 'modelward_requests_total{namespace="ns", deployment="shop"}'
    assert asked == f"sum by (revision) ({series} - {series} offset 10s >= 0 or {series})"
