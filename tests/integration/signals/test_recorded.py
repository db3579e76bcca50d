"""A backtest reads from a real Prometheus what the operator would have polled."""

import asyncio
import time
from pathlib import Path

import pytest

from modelward.cli.failure import CommandError
from modelward.cli.policy import read_policy
from modelward.cli.recorded import Recorded
from modelward.conventions import METRIC_EVENTS, RECORD_PSI, RECORD_PSI_LIMIT
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


@again_if_scrapes_were_late
async def test_without_objectives_of_the_monitor_the_requests_tell_of_revisions(
    prometheus: PrometheusServer, exporter: Exporter, namespace: str, tmp_path: Path
) -> None:
    """A deployment whose objectives are all queries has no events of the monitor's, and a history."""
    policy, whose = tmp_path / "policy.yaml", 'namespace="$namespace"'
    of_revision, of_all = (
        ", ".join(f"{name}: 'sum(own_{name}{{{whose}{matchers}}})'" for name in ("good", "total"))
        for matchers in (f", {REVISION}", "")
    )
    policy.write_text(
        f"objectives:\n- {{name: own, query: {{{of_revision}}}, target: '99%'}}\n"
        f"- {{name: whole, query: {{{of_all}}}, target: '99%', scope: AfterPromotion}}\n"
    )
    labels = f'{{namespace="{namespace}",revision="web-1"}}'
    exporter.pages["team"] = f"own_good{labels} 0\nown_total{labels} 0\n"
    pod = exporter.new_pod(namespace, "web", "web-1")
    pod.objectives, pod.events = {}, {}
    start = await prometheus.settle()
    pod.requests += 8
    await prometheus.settle()
    exporter.pages["team"] = f"own_good{labels} 6\nown_total{labels} 8\n"
    history = recorded(prometheus, Key(namespace, "web"), start + 1, await prometheus.settle(), policy)

    blocks = await asyncio.to_thread(lambda: list(history.read()))

    assert {key for _, block in blocks for key in block} == {("web-1", "own"), ("web-1", "whole")}
    for objective in ("own", "whole"):
        known = [count for _, block in blocks if (count := block.get(("web-1", objective)))]
        assert (sum(count.good for count in known), sum(count.bad for count in known)) == (6, 2)


@again_if_scrapes_were_late
async def test_the_recorded_drift_of_a_profile_is_history_too(
    prometheus: PrometheusServer, exporter: Exporter, namespace: str, tmp_path: Path
) -> None:
    """As a multiple of its limit, of the profile that was in use; while there are two nothing is known."""
    policy = tmp_path / "policy.yaml"
    policy.write_text("drift: {profile: {configMapName: web-profile}}\n")
    whose = f'namespace="{namespace}",deployment="web",role="input",feature="price"'

    def of(profile: str, psi: float) -> str:
        labels = f'{{{whose},profile="{profile}"}}'
        return f"{RECORD_PSI}{labels} {psi}\n{RECORD_PSI_LIMIT}{labels} 0.25\n"

    exporter.new_pod(namespace, "web", "web-1")
    exporter.pages["team"] = of("a", 0.1)
    start = await prometheus.settle()
    exporter.pages["team"] = of("a", 0.1) + of("b", 0.5)
    await prometheus.settle()
    exporter.pages["team"] = of("b", 0.5)
    end = await prometheus.settle()
    history = recorded(prometheus, Key(namespace, "web"), start - 1, end, policy)

    await asyncio.to_thread(lambda: list(history.read()))

    said, values = history.signals, []
    while said.next_end <= end:
        said.take_in()
        values.append({signal.name: round(signal.value, 9) for signal in said.drift})
    assert values == [{"profile": 0.4}, {}, {"profile": 2.0}]


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
