"""A backtest reads from a real Prometheus what the operator would have polled."""

import asyncio
import time
from pathlib import Path

import pytest

from modelward.cli.failure import CommandError
from modelward.cli.policy import read_policy
from modelward.cli.recorded import Recorded
from modelward.conventions import METRIC_EVENTS
from modelward.signals.key import Key
from tests.integration.signals.busy_machine import again_if_scrapes_were_late
from tests.integration.signals.conditions import until_answered
from tests.integration.signals.exporter import CONFIG, Exporter
from tests.integration.signals.prometheus_server import BLOCK_SECONDS, PrometheusServer

pytestmark = [pytest.mark.integration, pytest.mark.asyncio(loop_scope="session")]


def recorded(
    prometheus: PrometheusServer, key: Key, first: int, last: int, policy: Path | None = None
) -> Recorded:
    """Return one deployment's history."""
    spec = read_policy(policy)
    return Recorded(prometheus.endpoint.url, key, spec, {"latency": CONFIG}, (first, last), BLOCK_SECONDS)


@again_if_scrapes_were_late
async def test_history_is_what_was_counted(
    prometheus: PrometheusServer, exporter: Exporter, namespace: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each block is there once and in order, also where several queries were needed."""
    monkeypatch.setattr("modelward.cli.recorded.BLOCKS_A_QUERY", 2)
    pod = exporter.new_pod(namespace, "web", "web-1")
    start = end = await prometheus.settle()
    for _ in range(3):
        pod.count(good=10, bad=1)
        end = await prometheus.settle()
    history = recorded(prometheus, Key(namespace, "web"), start + 1, end)

    blocks = await asyncio.to_thread(lambda: list(history.read()))

    assert [at for at, _ in blocks] == list(range(start + 1, end + 1, BLOCK_SECONDS))
    known = [count for _, block in blocks if (count := block.get(("web-1", "latency")))]
    assert sum(count.bad for count in known) == 3
    assert max((count.good, count.bad) for count in known) == (10, 1)


async def test_a_deployment_that_was_never_scraped_is_an_error(
    prometheus: PrometheusServer, namespace: str
) -> None:
    """No counts at all are most likely a wrong name or time."""
    now = int(time.time())
    history = recorded(prometheus, Key(namespace, "nobody"), now - 5, now)
    with pytest.raises(
        CommandError, match=f"no counts of {namespace}/nobody in that time; check --deployment"
    ):
        await asyncio.to_thread(lambda: list(history.read()))


def of_the_team(good: str, total: str) -> str:
    """Return a policy with an objective by query, a detector and an alert."""
    return f"""\
objectives:
- {{name: latency, latency: {{within: 1s}}, target: "99%"}}
- {{name: own, query: {{good: '{good}', total: '{total}'}}, target: "99%", scope: AfterPromotion}}
drift: {{detectors: [{{name: psi, query: 'max(team_psi{{namespace="$namespace"}})'}}]}}
rollback: {{alerts: [{{matchLabels: {{severity: page}}}}]}}
"""


EVENTS = f'{METRIC_EVENTS}{{namespace="$namespace"'
REVISION = 'revision="$revision"'


@again_if_scrapes_were_late
@pytest.mark.parametrize("matchers", [f", {REVISION}", ""])
async def test_the_teams_own_queries_are_history_too(
    prometheus: PrometheusServer, exporter: Exporter, namespace: str, tmp_path: Path, matchers: str
) -> None:
    """With the revision or, while one has the traffic alone, without: counts, and what it has drifted by."""
    policy = tmp_path / "policy.yaml"
    events = f"{EVENTS}{matchers}"
    policy.write_text(of_the_team(f'sum({events}, result="good"}})', f"sum({events}}})"))
    pod = exporter.new_pod(namespace, "web", "web-1")
    start = await prometheus.settle()
    pod.count(good=10, bad=3)
    alert = f'team_trouble{{namespace="{namespace}", modelward_revision="web-1"}} 1\n'
    exporter.pages["team"] = f'{alert}team_psi{{namespace="{namespace}"}} 0.5\n'
    await prometheus.settle()
    await until_answered(lambda: fires(prometheus, namespace), "the alert fires")
    history = recorded(prometheus, Key(namespace, "web"), start + 1, await prometheus.settle(), policy)

    blocks = await asyncio.to_thread(lambda: list(history.read()))

    known = [count for _, block in blocks if (count := block.get(("web-1", "own")))]
    assert (sum(count.good for count in known), sum(count.bad for count in known)) == (10, 3)
    said = history.signals
    while said.next_end <= blocks[-1][0]:
        said.take_in()
    assert [(signal.name, signal.value) for signal in said.drift] == [("psi", 0.5)]
    assert [(alert.name, alert.revision) for alert in said.alerts] == [("TeamTrouble", "web-1")]


async def fires(prometheus: PrometheusServer, namespace: str) -> bool:
    """Return whether an alert of a namespace fires."""
    return await prometheus.query(f'ALERTS{{namespace="{namespace}", alertstate="firing"}}') is not None


@pytest.mark.parametrize(
    ("good", "said"),
    [("sum(up", "objective own: http.*parse error"), ("up", "objective own: query.good: it gave .* series")],
)
async def test_a_query_that_can_never_be_replayed_is_an_error(
    prometheus: PrometheusServer, exporter: Exporter, namespace: str, tmp_path: Path, good: str, said: str
) -> None:
    """What it is about and what is wrong is told, and nothing is replayed without it."""
    policy = tmp_path / "policy.yaml"
    policy.write_text(of_the_team(good, "sum(up)"))
    exporter.new_pod(namespace, "web", "web-1").count(good=1, bad=0)
    start = await prometheus.settle()
    history = recorded(prometheus, Key(namespace, "web"), start - 1, start, policy)
    with pytest.raises(CommandError, match=said):
        await asyncio.to_thread(lambda: list(history.read()))
