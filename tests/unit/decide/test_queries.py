"""The condition that tells whether a team's own queries can be answered."""

from typing import Any

from modelward.decide.observation import MetricsState, QueryProblem
from modelward.decide.situation import Situation
from tests.unit.decide.world import assessment, serving, stepping

LATENCY: dict[str, Any] = {"name": "latency", "latency": {"within": "1s"}, "target": "99%"}
ANSWERS: dict[str, Any] = {
    "name": "answers",
    "query": {"good": "g$revision", "total": "t$revision"},
    "target": "99%",
}
PSI = {"detectors": [{"name": "psi", "query": "psi"}]}


def test_without_queries_there_is_no_such_condition() -> None:
    """A deployment without queries is not told about them."""
    assert "QueriesValid" not in serving("m-1").conditions()


def test_a_query_that_fails_is_told_in_prometheus_own_words() -> None:
    """A person must see whose query it is and what is wrong with it."""
    world = serving("m-1", objectives=[LATENCY, ANSWERS])
    assert world.conditions()["QueriesValid"] == ("True", "QueriesAnswered")
    said = next(each.message for each in world.status.conditions if each.type == "QueriesValid")
    assert said == "every query of the team gives one series"
    world.query_problems = (QueryProblem("objective answers", "query.good: parse error"),)
    world.step()
    assert world.conditions()["QueriesValid"] == ("False", "QueryFailed")
    said = next(each.message for each in world.status.conditions if each.type == "QueriesValid")
    assert said == "objective answers: query.good: parse error"
    world.query_problems += (QueryProblem("detector psi", "no series"),)
    world.step()
    said = next(each.message for each in world.status.conditions if each.type == "QueriesValid")
    assert said == "objective answers: query.good: parse error; detector psi: no series"


def test_while_prometheus_is_away_nothing_is_known_of_queries() -> None:
    """No answer is neither a good query nor a bad one."""
    world = serving("m-1", drift=PSI)
    world.metrics = MetricsState.UNAVAILABLE
    world.step()
    assert world.conditions()["QueriesValid"] == ("Unknown", "MetricsUnavailable")


def test_what_a_team_counts_is_no_number_of_requests() -> None:
    """A step's least number of requests must not be met by tokens or whatever else a query adds up."""
    world = stepping(objectives=[ANSWERS, LATENCY])
    world.see(assessment("m-2", "answers", total=10**6), assessment("m-2", "latency", total=50))
    assert Situation(world.spec, world.status, world.observation(), world.now).candidate_requests == 50
