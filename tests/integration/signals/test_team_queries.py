"""The team's own queries, asked of a real Prometheus."""

import time
from dataclasses import replace

import pytest
from aiohttp import ClientSession, web

from modelward.conventions import METRIC_EVENTS
from modelward.decide.observation import MetricsState
from modelward.evidence.counts import Count
from modelward.render.queries import CountQuery, DriftQuery, TeamQueries
from modelward.signals.blocks import Subject, TimedBlock
from modelward.signals.clients import Clients
from modelward.signals.counts import CountsPoller, Polled
from modelward.signals.key import Key
from modelward.signals.team import Team
from tests.integration.signals.busy_machine import again_if_scrapes_were_late
from tests.integration.signals.exporter import CONFIG, Exporter
from tests.integration.signals.fake_prometheus import Asked, FakePrometheus
from tests.integration.signals.prometheus_server import PrometheusServer

pytestmark = [pytest.mark.integration, pytest.mark.asyncio(loop_scope="session")]

OWN = ("web-1", "own")
CONFIGS = {"latency": CONFIG, "own": "q1"}


def counted(namespace: str) -> CountQuery:
    """What the monitors count anyway, asked for as a team would."""
    events = f'{METRIC_EVENTS}{{namespace="{namespace}", revision="web-1"}}'
    return CountQuery("own", "web-1", f'sum({events[:-1]}, result="good"}})', f"sum({events})")


async def poll(poller: CountsPoller, key: Key, queries: TeamQueries, after: int, until: int) -> Polled:
    """Poll one deployment's blocks in (after, until]."""
    found: list[Polled] = []
    subject = Subject(key, CONFIGS, after, queries)
    await poller.poll([subject], until, lambda polled: found.append(polled[key]))
    (polled,) = found
    return polled


@again_if_scrapes_were_late
async def test_live_polls_and_a_range_query_see_the_same_blocks(
    prometheus: PrometheusServer, exporter: Exporter, poller: CountsPoller, namespace: str
) -> None:
    """Asked block by block, or all at once later, the team's blocks are the same, and nothing is lost."""
    key, queries = Key(namespace, "web"), TeamQueries((counted(namespace),))
    pods = [exporter.new_pod(namespace, "web", "web-1") for _ in range(2)]
    start = consumed = await prometheus.settle()
    live: list[TimedBlock] = []
    for number in range(4):
        for pod in pods:
            pod.count(good=10 + number, bad=number)
        ended = await prometheus.settle()
        for block_end in range(consumed + 1, ended + 1):
            live.extend((await poll(poller, key, queries, block_end - 1, block_end)).blocks)
        consumed = ended

    later = await poll(poller, key, queries, start, consumed)

    assert tuple(live) == later.blocks
    known = [block[OWN] or Count(0, 0) for _, block in later.blocks]
    assert sum(count.good for count in known) == 2 * sum(range(10, 14))
    assert sum(count.bad for count in known) == 2 * sum(range(4))
    assert (later.metrics, later.problems) == (MetricsState.AVAILABLE, {})


@again_if_scrapes_were_late
async def test_a_pod_that_goes_away_is_unknown_and_no_traffic(
    prometheus: PrometheusServer, exporter: Exporter, poller: CountsPoller, namespace: str
) -> None:
    """When the total falls because a pod has ended nothing is known until it has settled."""
    key, queries = Key(namespace, "web"), TeamQueries((counted(namespace),))
    stays, goes = (exporter.new_pod(namespace, "web", "web-1") for _ in range(2))
    stays.count(good=5, bad=0)
    goes.count(good=100, bad=50)
    start = await prometheus.settle()
    exporter.remove(goes)
    until = await prometheus.settle()
    found = await poll(poller, key, queries, start, until)
    assert [block[OWN] for _, block in found.blocks if block[OWN] not in (None, Count(0, 0))] == []
    assert any(block[OWN] is None for _, block in found.blocks)


@again_if_scrapes_were_late
async def test_good_and_all_are_of_one_moment(
    prometheus: PrometheusServer, exporter: Exporter, namespace: str
) -> None:
    """Events that are scraped while a team's queries are asked make no good event bad."""
    pod = exporter.new_pod(namespace, "web", "web-1")
    start = await prometheus.settle()

    async def forward_after_a_scrape(asked: Asked, _request: web.Request) -> web.StreamResponse:
        pod.count(good=10, bad=0)
        await prometheus.sampled(time.time())
        url = f"{prometheus.endpoint.url}{asked.path}"
        async with ClientSession() as session, session.post(url, data=asked.form) as response:
            return web.Response(body=await response.read(), content_type="application/json")

    async with FakePrometheus(forward_after_a_scrape) as between, Clients(between.endpoint()) as clients:
        # One long block, which has not ended while it is asked about.
        team, until = Team(clients, block_seconds=30), start + 30
        answered = await team.ask(Key(namespace, "web"), TeamQueries((counted(namespace),)), [until])
    assert answered.problems == {}
    block = answered.blocks[until][OWN]
    assert block is not None
    assert (block.good, block.bad) == (10, 0)


@pytest.mark.parametrize("comment", ["", " # of all"])
async def test_a_comment_ends_with_its_query(
    prometheus: PrometheusServer, exporter: Exporter, poller: CountsPoller, namespace: str, comment: str
) -> None:
    """What a team notes behind a query does not change what is asked."""
    pod = exporter.new_pod(namespace, "web", "web-1")
    start = await prometheus.settle()
    pod.count(good=3, bad=1)
    asked = counted(namespace)
    queries = TeamQueries((replace(asked, good=asked.good + comment, total=asked.total + comment),))
    found = await poll(poller, Key(namespace, "web"), queries, start, await prometheus.settle())
    assert found.problems == {}
    known = [block[OWN] or Count(0, 0) for _, block in found.blocks]
    assert (sum(count.good for count in known), sum(count.bad for count in known)) == (3, 1)


@pytest.mark.parametrize(
    ("query", "said"),
    [
        (CountQuery("own", "web-1", "sum(up", "sum(up)"), "query.good: http"),
        (CountQuery("own", "web-1", "sum(up)", "sum(up"), "query.total: http"),
        (CountQuery("own", "web-1", "sum(up)", "time()"), "query.good and query.total: http"),
    ],
)
async def test_which_of_the_two_is_wrong_is_told(
    prometheus: PrometheusServer,
    exporter: Exporter,
    poller: CountsPoller,
    namespace: str,
    query: CountQuery,
    said: str,
) -> None:
    """Though both are asked for at once; a scalar is wrong only beside another."""
    exporter.new_pod(namespace, "web", "web-1")
    until = await prometheus.settle()
    found = await poll(poller, Key(namespace, "web"), TeamQueries((query,)), until - 1, until)
    assert said in found.problems["objective own"]
    assert "parse error" in found.problems["objective own"]


@pytest.mark.parametrize(
    ("query", "said"),
    [
        ("sum(up", "parse error"),
        ("up", "series where it must give one"),
        ("nothing_of_this_name", "it gave no series"),
        ("vector(-1)", "-1, which no running total can be"),
        ("sum(up) / 0 - sum(up) / 0", "nan, which no running total can be"),
    ],
)
async def test_a_wrong_query_spoils_only_its_own_objective(
    prometheus: PrometheusServer,
    exporter: Exporter,
    poller: CountsPoller,
    namespace: str,
    query: str,
    said: str,
) -> None:
    """A query that cannot be used is told in words, is Unknown, and leaves what the monitors count alone."""
    key = Key(namespace, "web")
    queries = TeamQueries(
        (CountQuery("own", "web-1", "sum(up)", query),), (DriftQuery("psi", "sum(up) > bool 0", 0.2),)
    )
    pod = exporter.new_pod(namespace, "web", "web-1")
    start = await prometheus.settle()
    pod.count(good=3, bad=1)
    found = await poll(poller, key, queries, start, await prometheus.settle())
    latency = [block["web-1", "latency"] for _, block in found.blocks]
    assert Count(3, 1) in [count and Count(count.good, count.bad) for count in latency]
    assert {block[OWN] for _, block in found.blocks} == {None}
    assert said in found.problems["objective own"]
    assert "(web-1)" in found.problems["objective own"]
    assert found.drift == {"psi": 1.0}


@pytest.mark.parametrize(
    ("query", "said"),
    [("up", "series where it must give one"), ("rate(up)", "parse error"), ("vector(1) / 0", "no value")],
)
async def test_a_detector_without_a_value_is_told(
    prometheus: PrometheusServer,
    exporter: Exporter,
    poller: CountsPoller,
    namespace: str,
    query: str,
    said: str,
) -> None:
    """No value is no drift and no calm: it is missing, and why is told."""
    exporter.new_pod(namespace, "web", "web-1")
    until = await prometheus.settle()
    queries = TeamQueries(drift=(DriftQuery("psi", query, 0.2),))
    found = await poll(poller, Key(namespace, "web"), queries, until - 1, until)
    assert found.drift == {}
    assert said in found.problems["detector psi"]
