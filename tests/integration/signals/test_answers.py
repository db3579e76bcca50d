"""Whatever is answered in Prometheus' place: Unknown with a reason, never zero, never an exception."""

import asyncio
import re
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from aiohttp import web

from modelward.decide.observation import MetricsState
from modelward.evidence.counts import Count, StorageSplit
from modelward.render.promql import TOTAL_LABEL
from modelward.render.queries import CountQuery, TeamQueries
from modelward.signals.answers import Grid, NoAnswerError, NonsenseAnswerError, PrometheusUnavailableError
from modelward.signals.blocks import Subject
from modelward.signals.clients import Clients
from modelward.signals.counts import CountsPoller, Polled
from modelward.signals.key import Key
from modelward.signals.prometheus import Endpoint, Prometheus
from modelward.signals.team import QUERY_SECONDS
from modelward.signals.telemetry import Telemetry
from tests.integration.signals.conditions import until
from tests.integration.signals.fake_prometheus import (
    Answer,
    Asked,
    FakePrometheus,
    body,
    break_off,
    hang,
    success,
)

KEY = Key("team", "web")
NOW = 1_000_000_005
BLOCK = 1_000_000_000
LABELS = {
    "namespace": "team",
    "deployment": "web",
    "revision": "web-1",
    "objective": "latency",
    "config": "c1",
    "storage": "fast",
}


@pytest_asyncio.fixture
async def fake() -> AsyncIterator[FakePrometheus]:
    """Serve what a test says."""
    async with FakePrometheus() as fake:
        yield fake


def series(value: Any = "1", time: Any = BLOCK, **labels: Any) -> dict[str, Any]:
    """One series of an instant query's answer."""
    return {"metric": {**LABELS, "result": "good", **labels}, "value": [time, value]}


def counts(good: str, bad: str) -> Answer:
    """Answer counts to the query for counts, and nothing to any other."""
    counted = success([series(good), series(bad, result="bad")])

    async def answer(asked: Asked, request: web.Request) -> web.StreamResponse:
        chosen = counted if asked.form["query"].startswith("sum by") else success([])
        return await chosen(asked, request)

    return answer


def totals(rise: float) -> list[dict[str, Any]]:
    """Answer a range query with running totals that rise in the block, of good events and of all."""
    values = [[BLOCK - 5, "0"], [BLOCK, str(rise)]]
    return [{"metric": {TOTAL_LABEL: name}, "values": values} for name in ("good", "total")]


async def poll(endpoint: Endpoint, telemetry: Telemetry | None = None) -> Polled:
    """Poll one block of one deployment."""
    found: list[Polled] = []
    async with Clients(endpoint) as clients:
        poller = CountsPoller(clients, telemetry or Telemetry())
        subject = Subject(KEY, {"latency": "c1"}, BLOCK - 5)
        await poller.poll([subject], NOW, lambda polled: found.append(polled[KEY]))
    (polled,) = found
    return polled


WRONG: dict[str, tuple[Answer, str]] = {
    "HTML": (body("<html>Log in</html>", content_type="text/html"), "not JSON"),
    "empty body": (body(""), "not JSON"),
    "truncated JSON": (body('{"status":"success","data":{"resultType":"vector","result":['), "not JSON"),
    "not an object": (body("[]"), "not a JSON object"),
    "null": (body("null"), "not a JSON object"),
    "NaN literal": (body('{"status":"success","data":NaN}'), "not JSON"),
    "no status": (body('{"data":{"resultType":"vector","result":[]}}'), "status is None"),
    "error": (body('{"status":"error","errorType":"timeout","error":"slow"}'), "timeout: slow"),
    "503 with an error": (
        body('{"status":"error","errorType":"unavailable","error":"starting"}', 503),
        "unavailable: starting",
    ),
    "500 with HTML": (body("<h1>oops</h1>", 500, "text/html"), "answered 500"),
    "404": (body("404 page not found", 404, "text/plain"), "answered 404"),
    "204": (body("", 204), "answered 204"),
    "warnings": (success([], warnings=["a store is away"]), "may be partial"),
    "matrix for a vector": (success([], "matrix"), "not a vector"),
    "no data": (body('{"status":"success"}'), "not a vector"),
    "result is an object": (success({}), "not a vector"),
    "series is a string": (success(["up"]), "a series is not an object"),
    "histogram": (success([{"metric": LABELS, "histogram": [BLOCK, {}]}]), "a series is not an object"),
    "labels are a list": (success([{"metric": [], "value": [BLOCK, "1"]}]), "labels are not strings"),
    "label is a number": (success([series(revision=7)]), "labels are not strings"),
    "no value": (success([{"metric": LABELS}]), "not a pair"),
    "value is a number": (success([series(1)]), "not a number and a string"),
    "time is a string": (success([series(time="now")]), "not a number and a string"),
    "time is true": (success([series(time=True)]), "not a number and a string"),
    "another time": (success([series(time=BLOCK - 5)]), "which was not asked for"),
    "three in a point": (success([{"metric": LABELS, "value": [BLOCK, "1", "2"]}]), "not a pair"),
    "broken off": (break_off, "cannot be asked"),
    "deep JSON": (body("[" * 100_000), "not JSON"),
}


@pytest.mark.parametrize(("answer", "reason"), WRONG.values(), ids=WRONG)
async def test_wrong_answer_is_unavailable_with_the_reason(
    fake: FakePrometheus, answer: Answer, reason: str
) -> None:
    """No block, no exception, and a message that says what was wrong."""
    fake.answer = answer

    polled = await poll(fake.endpoint())

    assert (polled.blocks, polled.metrics) == ((), MetricsState.UNAVAILABLE)
    assert reason in polled.message


async def test_redirect_is_not_followed(fake: FakePrometheus) -> None:
    """A proxy that sends to its login page is no Prometheus."""

    async def redirect(_asked: Asked, _request: web.Request) -> web.StreamResponse:
        return web.Response(status=302, headers={"Location": "/login"})

    fake.answer = redirect

    polled = await poll(fake.endpoint())

    assert polled.metrics is MetricsState.UNAVAILABLE
    assert "answered 302" in polled.message
    assert "/login" not in [asked.path for asked in fake.asked]


async def test_answer_that_never_comes_ends_at_the_time_out(fake: FakePrometheus) -> None:
    """A hung query is given up after its own time-out."""
    fake.answer = hang

    polled = await poll(fake.endpoint(timeout_seconds=0.2))

    assert polled.metrics is MetricsState.UNAVAILABLE
    assert "no answer within 0.2 s" in polled.message


async def test_answer_that_is_too_large_is_not_read_to_its_end(fake: FakePrometheus) -> None:
    """Memory is bounded, also against an answer that is compressed."""

    async def bomb(_asked: Asked, _request: web.Request) -> web.StreamResponse:
        response = web.Response(body=b" " * 1_000_000, content_type="application/json")
        response.enable_compression()
        return response

    fake.answer = bomb

    polled = await poll(fake.endpoint(max_answer_bytes=10_000))

    assert polled.metrics is MetricsState.UNAVAILABLE
    assert "larger than 10000 bytes" in polled.message


async def test_nobody_listens() -> None:
    """A refused connection is Unavailable."""
    polled = await poll(Endpoint("http://127.0.0.1:1"))

    assert polled.metrics is MetricsState.UNAVAILABLE
    assert "cannot be asked" in polled.message


async def test_well_formed_answer_is_read(fake: FakePrometheus) -> None:
    """The same path reads a right answer, so that the refusals above mean something."""
    fake.answer = counts("12", "3")

    polled = await poll(fake.endpoint())

    blocks = ((BLOCK, {("web-1", "latency"): Count(12, 3, StorageSplit(12, 3, 0, 0))}),)
    assert polled == Polled({"latency": "c1"}, blocks, MetricsState.AVAILABLE, "")


@pytest.mark.parametrize("value", ["NaN", "+Inf", "-Inf", "-1", "1e300", "many", ""])
async def test_number_no_counter_can_have_is_unknown_and_counted(fake: FakePrometheus, value: str) -> None:
    """NaN, negative, infinite, absurd: that block is Unknown, and the metric of nonsense rises."""
    fake.answer = counts("12", value)
    telemetry = Telemetry()

    polled = await poll(fake.endpoint(), telemetry)

    assert polled.blocks == ((BLOCK, {("web-1", "latency"): None}),)
    assert telemetry.registry.get_sample_value("modelward_nonsense_values_total") == 1
    assert telemetry.registry.get_sample_value("modelward_blocks_unknown_total") == 1


async def test_half_a_count_is_unknown(fake: FakePrometheus) -> None:
    """Good events without a series of bad ones are not a flawless block."""

    async def only_good(asked: Asked, request: web.Request) -> web.StreamResponse:
        chosen = success([series("100")]) if asked.form["query"].startswith("sum by") else success([])
        return await chosen(asked, request)

    fake.answer = only_good

    polled = await poll(fake.endpoint())

    assert polled.blocks == ((BLOCK, {("web-1", "latency"): None}),)


async def test_hung_shard_leaves_the_others_alone(fake: FakePrometheus) -> None:
    """Only deployments of the query that hangs are Unavailable; the others' counts come first."""

    async def hang_for_one(asked: Asked, request: web.Request) -> web.StreamResponse:
        if 'deployment="hangs"' in asked.form["query"]:
            return await hang(asked, request)
        return await counts("12", "3")(asked, request)

    fake.answer = hang_for_one
    found: list[dict[Key, Polled]] = []
    keys = (Key("team", "hangs"), KEY)
    async with Clients(fake.endpoint(timeout_seconds=1)) as clients:
        poller = CountsPoller(clients, Telemetry(), shard_size=1)
        subjects = [Subject(key, {"latency": "c1"}, BLOCK - 5) for key in keys]
        await poller.poll(subjects, NOW, lambda polled: found.append(dict(polled)))

    assert [list(polled) for polled in found] == [[KEY], [keys[0]]]
    assert [polled.metrics for part in found for polled in part.values()] == [
        MetricsState.AVAILABLE,
        MetricsState.UNAVAILABLE,
    ]


async def test_a_slow_query_of_a_team_spoils_only_its_own_objective(fake: FakePrometheus) -> None:
    """Counts and other deployments do not wait for it, and it is left alone for a while."""

    async def hang_for_the_team(asked: Asked, request: web.Request) -> web.StreamResponse:
        if "team_" in asked.form["query"]:
            return await hang(asked, request)
        if asked.path.endswith("query_range"):
            return await success([], "matrix")(asked, request)
        return await counts("12", "3")(asked, request)

    def of_the_team() -> int:
        return sum("team_" in asked.form["query"] for asked in fake.asked)

    fake.answer = hang_for_the_team
    found: list[dict[Key, Polled]] = []
    other = Key("team", "other")
    queries = TeamQueries((CountQuery("own", "web-1", "team_good", "team_total"),))
    subjects = [
        Subject(KEY, {"latency": "c1", "own": "q1"}, BLOCK - 5, queries),
        Subject(other, {"latency": "c1"}, BLOCK - 5),
    ]
    async with Clients(fake.endpoint()) as clients:
        poller = CountsPoller(clients, Telemetry())
        await poller.poll(subjects, NOW, lambda polled: found.append(dict(polled)))
        asked_once = of_the_team()
        await poller.poll(subjects, NOW, lambda polled: found.append(dict(polled)))
        assert of_the_team() == asked_once == 1

    assert [list(polled) for polled in found[:2]] == [[other], [KEY]]
    of_key = [polled[KEY] for polled in found if KEY in polled]
    assert len(of_key) == 2
    for polled in of_key:
        ((_, block),) = polled.blocks
        assert polled.metrics is MetricsState.AVAILABLE
        assert block["web-1", "own"] is None
        latency = block["web-1", "latency"]
        assert latency is not None
        assert (latency.good, latency.bad) == (12, 3)
        assert "no answer within 2 s" in polled.problems["objective own"]


async def test_slow_queries_of_many_teams_leave_the_others_their_turns(fake: FakePrometheus) -> None:
    """However long others' queries take, a deployment waits for its turn and has its whole time then."""

    async def hang_for_the_slow(asked: Asked, request: web.Request) -> web.StreamResponse:
        if "slow_" in asked.form["query"]:
            return await hang(asked, request)
        if asked.path.endswith("query_range"):
            return await success(totals(20), "matrix")(asked, request)
        return await counts("12", "3")(asked, request)

    fake.answer = hang_for_the_slow
    found: dict[Key, Polled] = {}
    slow = {
        Key("team", f"slow-{n}"): TeamQueries(
            tuple(CountQuery(each, "web-1", f"slow_{each}_{n}", "other_total") for each in ("one", "other"))
        )
        # So many that all turns are theirs for longer than a deployment's queries may take.
        for n in range(9)
    }
    quick = {KEY: TeamQueries((CountQuery("own", "web-1", "quick_good", "quick_total"),))}
    subjects = [Subject(key, {}, BLOCK - 5, queries) for key, queries in (slow | quick).items()]
    async with Clients(fake.endpoint()) as clients:
        await CountsPoller(clients, Telemetry()).poll(subjects, NOW, found.update)

    assert found[KEY].problems == {}
    assert found[KEY].blocks[0][1]["web-1", "own"] == Count(20, 0)
    assert {len(found[key].problems) for key in slow} == {2}
    in_order = [name for asked in fake.asked for name in re.findall(r"slow_\w+", asked.form["query"])]
    assert in_order[: len(slow)] == [f"slow_one_{n}" for n in range(len(slow))]


async def test_queries_that_are_slow_together_are_left_alone_for_a_while(fake: FakePrometheus) -> None:
    """A deployment whose queries, each quick enough, take more than its share is not asked at once again."""

    async def take_long(asked: Asked, request: web.Request) -> web.StreamResponse:
        if "long_" in asked.form["query"]:
            await asyncio.sleep(QUERY_SECONDS * 0.7)
            return await success(totals(20), "matrix")(asked, request)
        return await counts("12", "3")(asked, request)

    fake.answer = take_long
    found: list[Polled] = []
    queries = TeamQueries(
        tuple(CountQuery(f"own-{n}", "web-1", f"long_good_{n}", f"long_total_{n}") for n in range(3))
    )
    async with Clients(fake.endpoint()) as clients:
        poller = CountsPoller(clients, Telemetry())
        subject = Subject(KEY, {}, BLOCK - 5, queries)
        await poller.poll([subject], NOW, lambda polled: found.append(polled[KEY]))
        asked_once = sum("long_" in asked.form["query"] for asked in fake.asked)
        await poller.poll([subject], NOW, lambda polled: found.append(polled[KEY]))
        assert sum("long_" in asked.form["query"] for asked in fake.asked) == asked_once

    assert "together took longer than 4 s" in found[0].problems["objective own-2"]
    assert [*found[1].problems] == ["objective own-0", "objective own-1", "objective own-2"]


async def test_deployment_under_way_is_not_asked_for_twice(fake: FakePrometheus) -> None:
    """A poll that begins while another still waits passes its deployments over; a later one asks."""
    fake.answer = hang
    subject = Subject(KEY, {"latency": "c1"}, BLOCK - 5)
    found: list[Polled] = []
    async with Clients(fake.endpoint(timeout_seconds=1)) as clients:
        poller = CountsPoller(clients, Telemetry())
        first = asyncio.create_task(poller.poll([subject], NOW, lambda polled: found.append(polled[KEY])))
        await until(lambda: len(fake.asked) == 3, "its queries are under way")
        await poller.poll([subject], NOW, lambda polled: found.append(polled[KEY]))
        assert (len(fake.asked), found) == (3, [])
        await first
        fake.answer = counts("1", "0")
        await poller.poll([subject], NOW, lambda polled: found.append(polled[KEY]))

    assert [polled.metrics for polled in found] == [MetricsState.UNAVAILABLE, MetricsState.AVAILABLE]


async def test_blocks_not_had_are_asked_for_again(fake: FakePrometheus) -> None:
    """After failures the next poll asks by a range query for every block since the last consumed."""
    async with Clients(fake.endpoint()) as clients:
        poller = CountsPoller(clients, Telemetry())
        subject = Subject(KEY, {"latency": "c1"}, BLOCK - 50)
        await poller.poll([subject], NOW, lambda _polled: None)

    ranges = [asked.form for asked in fake.asked if asked.path == "/api/v1/query_range"]
    assert {(form["start"], form["end"], form["step"]) for form in ranges} == {
        (f"{BLOCK - 45}.000", f"{BLOCK}.000", "5.000")
    }


async def test_long_outage_is_caught_up_in_parts_of_bounded_size(fake: FakePrometheus) -> None:
    """Blocks are asked for twelve at a time, from an hour back at most; older ones stay Unknown."""
    fake.answer = success([], "matrix")
    delivered: list[int] = []
    async with Clients(fake.endpoint()) as clients:
        poller = CountsPoller(clients, Telemetry())
        subject = Subject(KEY, {"latency": "c1"}, BLOCK - 36_000)

        async def answer(asked: Asked, request: web.Request) -> web.StreamResponse:
            kind = "matrix" if asked.path.endswith("query_range") else "vector"
            return await success([], kind)(asked, request)

        fake.answer = answer
        await poller.poll(
            [subject], NOW, lambda polled: delivered.extend(time for time, _ in polled[KEY].blocks)
        )

    assert delivered == list(range(BLOCK - 3595, BLOCK + 1, 5))
    spans = [
        float(asked.form["end"]) - float(asked.form["start"])
        for asked in fake.asked
        if asked.path == "/api/v1/query_range"
    ]
    assert (len(spans), max(spans)) == (120, 11 * 5)


async def test_at_most_four_queries_at_once(fake: FakePrometheus) -> None:
    """More shards wait for their turn; a turn's waiting does not count against the query's time-out."""
    under_way, most = 0, 0
    go = asyncio.Event()

    async def counting(asked: Asked, request: web.Request) -> web.StreamResponse:
        nonlocal under_way, most
        under_way += 1
        most = max(most, under_way)
        await go.wait()
        under_way -= 1
        return await success([])(asked, request)

    fake.answer = counting
    async with Clients(fake.endpoint()) as clients:
        poller = CountsPoller(clients, Telemetry(), shard_size=1)
        subjects = [Subject(Key("team", f"web-{n}"), {}, BLOCK - 5) for n in range(12)]
        polling = asyncio.create_task(poller.poll(subjects, NOW, lambda _polled: None))
        await until(lambda: under_way == 4, "four queries are under way")
        go.set()
        await polling

    assert most == 4
    assert len(fake.asked) == 48


async def test_each_namespace_may_have_its_own_prometheus(fake: FakePrometheus) -> None:
    """A namespace with an endpoint of its own is asked about there, another at the default."""
    async with FakePrometheus() as other, Clients(fake.endpoint(), {"other": other.endpoint()}) as clients:
        poller = CountsPoller(clients, Telemetry())
        subjects = [Subject(Key(namespace, "web"), {}, BLOCK - 5) for namespace in ("team", "other")]
        await poller.poll(subjects, NOW, lambda _polled: None)

    assert all('namespace="team"' in asked.form["query"] for asked in fake.asked)
    assert all('namespace="other"' in asked.form["query"] for asked in other.asked)
    assert (len(fake.asked), len(other.asked)) == (4, 4)


async def test_tenant_and_token_are_sent_and_a_new_token_is_used(
    fake: FakePrometheus, tmp_path: Path
) -> None:
    """Headers go with each query; a rotated token needs no restart."""
    token = tmp_path / "token"
    token.write_text("first\n")
    endpoint = fake.endpoint(headers=(("X-Scope-OrgID", "team-a"),), bearer_token_file=token)
    async with Prometheus(endpoint) as prometheus:
        await prometheus.instant("up", BLOCK)
        token.write_text("second-token\n")
        await prometheus.instant("up", BLOCK)

    assert [asked.headers["Authorization"] for asked in fake.asked] == ["Bearer first", "Bearer second-token"]
    assert {asked.headers["X-Scope-OrgID"] for asked in fake.asked} == {"team-a"}


async def test_user_name_and_password_are_sent(fake: FakePrometheus, tmp_path: Path) -> None:
    """Basic authentication, RFC 7617."""
    (tmp_path / "password").write_text("open sesame")
    endpoint = fake.endpoint(username="aladdin", password_file=tmp_path / "password")
    async with Prometheus(endpoint) as prometheus:
        await prometheus.instant("up", BLOCK)

    assert fake.asked[0].headers["Authorization"] == "Basic YWxhZGRpbjpvcGVuIHNlc2FtZQ=="


async def test_missing_token_file_is_unavailable(fake: FakePrometheus, tmp_path: Path) -> None:
    """Nothing is asked without the authorisation that was configured; the message names the file."""
    polled = await poll(fake.endpoint(bearer_token_file=tmp_path / "absent"))

    assert polled.metrics is MetricsState.UNAVAILABLE
    assert str(tmp_path / "absent") in polled.message
    assert fake.asked == []


async def test_range_answer_off_its_grid_is_nonsense(fake: FakePrometheus) -> None:
    """Points between the times that were asked for would be counted in no block, or in two."""
    point = {"metric": LABELS, "values": [[BLOCK + 2.5, "1"]]}
    fake.answer = success([point], "matrix")
    async with Prometheus(fake.endpoint()) as prometheus:
        with pytest.raises(NonsenseAnswerError, match="which was not asked for"):
            await prometheus.range("up", Grid(BLOCK, BLOCK + 10, 5))


async def test_errors_are_of_one_kind(fake: FakePrometheus) -> None:
    """Whoever asks may catch one error for whatever can go wrong."""
    fake.answer = body("", 503)
    async with Prometheus(fake.endpoint()) as prometheus:
        with pytest.raises(NoAnswerError) as caught:
            await prometheus.instant("up", BLOCK)

    assert isinstance(caught.value, PrometheusUnavailableError)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"url": "prometheus:9090"}, "starts with http"),
        ({"username": "me"}, "needs both a user name and a password file"),
        ({"username": "me", "password_file": Path("p"), "bearer_token_file": Path("t")}, "not both"),
        ({"client_key_file": Path("k")}, "needs both a certificate file and a key file"),
    ],
)
async def test_settings_that_contradict_are_refused(settings: dict[str, Any], message: str) -> None:
    """A wrong setting is told at start, not at the first query."""
    with pytest.raises(ValueError, match=message):
        Endpoint(**{"url": "http://prometheus:9090", **settings})


async def test_header_that_cannot_be_sent_is_unavailable(fake: FakePrometheus) -> None:
    """A tenant with a line break is a wrong setting, told with the address, and no second header."""
    polled = await poll(fake.endpoint(headers=(("X-Scope-OrgID", "a\r\nX-Evil: b"),)))

    assert polled.metrics is MetricsState.UNAVAILABLE
    assert "settings are wrong" in polled.message
    assert fake.asked == []


async def test_nothing_due_asks_nothing(fake: FakePrometheus) -> None:
    """A deployment that has consumed the newest block is not asked for, nor delivered."""
    delivered: list[object] = []
    async with Clients(fake.endpoint()) as clients:
        subject = Subject(KEY, {"latency": "c1"}, BLOCK)
        await CountsPoller(clients, Telemetry()).poll([subject], NOW, delivered.append)

    assert (delivered, fake.asked) == ([], [])
