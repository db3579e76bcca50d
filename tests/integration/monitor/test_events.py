"""Which requests are events of which objective, and how failures of either side are counted and answered."""

import asyncio
import json

import pytest

from modelward.conventions import METRIC_DURATION, METRIC_REQUESTS
from tests.integration.monitor.conftest import MonitorFactory
from tests.integration.monitor.model_server import Connection, ModelServer, Request, answer, echo, prediction
from tests.integration.monitor.monitor_process import REVISION, WITHIN_MS, MonitorProcess
from tests.integration.monitor.raw_client import RawClient, get, infer
from tests.integration.signals.conditions import until, until_answered

Verdicts = dict[str, tuple[float, float]]


class Counted:
    """What a monitor has counted since this was made."""

    def __init__(self, monitor: MonitorProcess) -> None:
        self._monitor = monitor
        self._before: Verdicts = {}

    async def begin(self) -> None:
        """Remember the counts of now."""
        self._before = await self._now()

    async def since(self) -> Verdicts:
        """Good and bad events of latency and availability since then."""
        now = await self._now()
        return {
            name: (good - self._before[name][0], bad - self._before[name][1])
            for name, (good, bad) in now.items()
        }

    async def _now(self) -> Verdicts:
        samples = await self._monitor.scrape()
        found = {}
        for name in ("latency", "availability"):
            good, bad = samples.verdicts(name)
            assert good is not None
            assert bad is not None
            found[name] = (good, bad)
        return found


@pytest.fixture
async def counted(shared_monitor: MonitorProcess) -> Counted:
    """Count what the shared monitor counts during the test."""
    counted = Counted(shared_monitor)
    await counted.begin()
    return counted


async def test_all_label_sets_start_at_zero(start_monitor: MonitorFactory) -> None:
    """A new monitor exports every label set of its objectives at 0, before any request."""
    samples = await start_monitor(1).scrape()
    for objective in ("latency", "availability", "accuracy"):
        assert samples.verdicts(objective) == (0, 0)
    assert samples.get(METRIC_REQUESTS, revision=REVISION) == 0
    assert (samples.get("process_start_time_seconds") or 0) > 1e9


async def test_good_prediction(shared_monitor: MonitorProcess, server: ModelServer, counted: Counted) -> None:
    """A quick answer is good for latency and availability and observed in the histogram."""
    assert server.port
    before = await shared_monitor.scrape("/metrics")
    async with RawClient(shared_monitor.serving_port) as client:
        assert (await client.ask(infer())).status == 200
    after = await shared_monitor.scrape("/metrics")
    assert await counted.since() == {"latency": (1, 0), "availability": (1, 0)}
    name = f"{METRIC_DURATION}_count"
    assert (after.get(name, status="2xx") or 0) - (before.get(name, status="2xx") or 0) == 1


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        ("404 Not Found", {"latency": (0, 0), "availability": (0, 0)}),
        ("429 Too Many Requests", {"latency": (0, 0), "availability": (0, 0)}),
        ("500 Internal Server Error", {"latency": (0, 0), "availability": (0, 1)}),
        ("503 Service Unavailable", {"latency": (0, 0), "availability": (0, 1)}),
        ("303 See Other", {"latency": (1, 0), "availability": (1, 0)}),
    ],
)
async def test_status_decides(
    shared_monitor: MonitorProcess, server: ModelServer, counted: Counted, status: str, expected: Verdicts
) -> None:
    """A 4xx is no event, a 5xx is unavailable and has no latency, the rest is answered."""

    async def reply(_request: Request, connection: Connection) -> None:
        connection.write(prediction(status))

    server.handler = reply
    async with RawClient(shared_monitor.serving_port) as client:
        assert (await client.ask(infer())).status == int(status[:3])
    assert await counted.since() == expected


async def test_slow_answer_is_bad(
    shared_monitor: MonitorProcess, server: ModelServer, counted: Counted
) -> None:
    """The last byte counts: an answer that begins in time and ends late is too late."""

    async def reply(_request: Request, connection: Connection) -> None:
        connection.write(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\na")
        await asyncio.sleep(WITHIN_MS / 1000 + 0.05)
        connection.write(b"b")

    server.handler = reply
    async with RawClient(shared_monitor.serving_port) as client:
        assert (await client.ask(infer())).body == b"ab"
    assert await counted.since() == {"latency": (0, 1), "availability": (1, 0)}


async def test_what_is_no_prediction(
    shared_monitor: MonitorProcess, server: ModelServer, counted: Counted
) -> None:
    """Metadata, health and other paths are no events, but requests of the server."""
    server.handler = echo
    before = (await shared_monitor.scrape()).get(METRIC_REQUESTS) or 0
    async with RawClient(shared_monitor.serving_port) as client:
        for path in ("/v2/models/m", "/v2/health/ready", "/v2/models/m/infer"):
            assert (await client.ask(get(path), "GET")).status == 200
        assert (await client.ask(infer().replace(b"/infer", b"/load"))).status == 200
    assert await counted.since() == {"latency": (0, 0), "availability": (0, 0)}
    assert (await shared_monitor.scrape()).get(METRIC_REQUESTS) == before + 4


async def test_versions_and_generate_are_predictions(
    shared_monitor: MonitorProcess, server: ModelServer, counted: Counted
) -> None:
    """A version in the path, and /generate, are predictions too."""
    server.handler = echo
    async with RawClient(shared_monitor.serving_port) as client:
        for path in (b"/v2/models/m/versions/3/infer?x=1", b"/v2/models/m/generate"):
            await client.ask(infer().replace(b"/v2/models/m/infer", path))
    assert await counted.since() == {"latency": (2, 0), "availability": (2, 0)}


async def test_an_absolute_target_is_taken_for_its_path(
    shared_monitor: MonitorProcess, server: ModelServer, counted: Counted
) -> None:
    """A prediction asked for by a whole URL is an event with a receipt; feedback is the monitor's own."""
    async with RawClient(shared_monitor.serving_port) as client:
        got = await client.ask(infer().replace(b"POST /", b"POST http://model:80/"))
        assert (got.status, got.header("modelward-receipt") is not None) == (200, True)
        feedback = infer(b"{}").replace(b"POST /v2/models/m/infer", b"POST http://model/v1/feedback")
        assert (await client.ask(feedback)).status == 400
    assert [request.target for request in server.requests] == ["http://model:80/v2/models/m/infer"]
    assert await counted.since() == {"latency": (1, 0), "availability": (1, 0)}


async def test_every_post_is_a_prediction_of_plain_http(
    start_monitor: MonitorFactory, server: ModelServer
) -> None:
    """With protocol http every POST is an event and gets a receipt, and a GET is none."""
    monitor = start_monitor(server.port, server={"protocol": "http", "port": server.port})
    server.handler = echo
    async with RawClient(monitor.serving_port) as client:
        assert (await client.ask(infer().replace(b"/v2/models/m/infer", b"/score"))).header(
            "modelward-receipt"
        )
        assert (await client.ask(get("/score"), "GET")).header("modelward-receipt") is None
    assert (await monitor.scrape()).verdicts("availability") == (1, 0)


async def test_synthetic_requests_are_no_evidence(
    shared_monitor: MonitorProcess, server: ModelServer, counted: Counted
) -> None:
    """The synthetic port answers like the other, with no event, no receipt and no request counted."""
    before = (await shared_monitor.scrape()).get(METRIC_REQUESTS)
    async with RawClient(shared_monitor.synthetic_port) as client:
        got = await client.ask(infer())
    assert (got.status, got.header("modelward-receipt")) == (200, None)
    assert len(server.requests) == 1
    assert await counted.since() == {"latency": (0, 0), "availability": (0, 0)}
    assert (await shared_monitor.scrape()).get(METRIC_REQUESTS) == before


async def test_server_down_and_back(
    shared_monitor: MonitorProcess, server: ModelServer, counted: Counted
) -> None:
    """While the server is down requests are answered 502 and unavailable; then the connection goes on."""
    async with RawClient(shared_monitor.serving_port) as client:
        assert (await client.ask(infer())).status == 200
        await server.stop()
        got = await client.ask(infer())
        assert got.status == 502
        assert "model server" in json.loads(got.body)["error"]
        await server.start()
        assert (await client.ask(infer())).status == 200
    assert await counted.since() == {"latency": (2, 0), "availability": (2, 1)}


async def test_502_to_head_has_no_body(start_monitor: MonitorFactory) -> None:
    """The monitor's own answers obey HEAD as well."""
    async with RawClient(start_monitor(1).serving_port) as client:
        for _ in range(2):
            assert (await client.ask(get(method="HEAD"), "HEAD")).status == 502


@pytest.mark.parametrize(
    "begun",
    [
        b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\nabc",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n",
        b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nabc",
    ],
)
async def test_answer_that_breaks_off(
    shared_monitor: MonitorProcess, server: ModelServer, counted: Counted, begun: bytes
) -> None:
    """Half an answer is never a whole one: the client's connection is reset, the event is bad."""
    go_on = asyncio.Event()

    async def reply(_request: Request, connection: Connection) -> None:
        connection.write(begun)
        await go_on.wait()
        connection.reset()

    server.handler = reply
    async with RawClient(shared_monitor.serving_port) as client:
        client.send(infer())
        async with asyncio.timeout(30):
            await client.reader.readuntil(b"abc")
        go_on.set()
        with pytest.raises(ConnectionResetError):
            await client.read_end()
    assert await counted.since() == {"latency": (0, 0), "availability": (0, 1)}


async def test_short_answer_that_breaks_off(
    shared_monitor: MonitorProcess, server: ModelServer, counted: Counted
) -> None:
    """An answer of which the client has nothing yet, because it is held for its receipt, becomes a 502."""

    async def reply(_request: Request, connection: Connection) -> None:
        connection.write(prediction()[:-5])
        await connection.writer.drain()
        connection.reset()

    server.handler = reply
    async with RawClient(shared_monitor.serving_port) as client:
        assert (await client.ask(infer())).status == 502
    assert await counted.since() == {"latency": (0, 0), "availability": (0, 1)}


@pytest.mark.parametrize(
    "nonsense",
    [b"SSH-2.0-OpenSSH_9\r\n\r\n", b"HTTP/1.1 200 OK\r\nX: " + b"y" * 70_000, b"HTTP/1.1 101 S\r\n\r\n"],
)
async def test_server_that_speaks_no_http(
    shared_monitor: MonitorProcess, server: ModelServer, counted: Counted, nonsense: bytes
) -> None:
    """What is no HTTP answer is a 502, not passed on."""

    async def reply(_request: Request, connection: Connection) -> None:
        connection.write(nonsense)

    server.handler = reply
    async with RawClient(shared_monitor.serving_port) as client:
        got = await client.ask(infer())
    assert (got.status, "HTTP/1.1" in json.loads(got.body)["error"]) == (502, True)
    assert await counted.since() == {"latency": (0, 0), "availability": (0, 1)}


async def test_client_that_goes_away(
    shared_monitor: MonitorProcess, server: ModelServer, counted: Counted
) -> None:
    """A client that leaves is no event, and its connection to the server ends at once."""

    async def hang(_request: Request, connection: Connection) -> None:
        await connection.reader.read(1)
        raise ConnectionError

    server.handler = hang
    async with RawClient(shared_monitor.serving_port) as client:
        client.send(infer())
        await until(lambda: len(server.requests) == 1, "the server has the request")
    await until(lambda: server.disconnects == 1, "the server has seen the client go")
    assert await counted.since() == {"latency": (0, 0), "availability": (0, 0)}


async def test_client_that_has_waited_too_long(
    shared_monitor: MonitorProcess, server: ModelServer, counted: Counted
) -> None:
    """A client that gives up after the latency objective's time makes a bad latency event: a hang shows."""

    async def hang(_request: Request, connection: Connection) -> None:
        await connection.reader.read(1)
        raise ConnectionError

    server.handler = hang
    async with RawClient(shared_monitor.serving_port) as client:
        client.send(infer())
        await asyncio.sleep(WITHIN_MS / 1000 + 0.05)
    await until(lambda: server.disconnects == 1, "the server has seen the client go")
    assert await counted.since() == {"latency": (0, 1), "availability": (0, 0)}


async def test_client_that_leaves_midway(
    shared_monitor: MonitorProcess, server: ModelServer, counted: Counted
) -> None:
    """A request that never came whole is no event, and the server sees its connection end."""
    async with RawClient(shared_monitor.serving_port) as client:
        client.send(infer(b"x" * 100)[:-50])
        await until(lambda: len(server.requests) == 1, "the server has the head")
    await until(lambda: server.disconnects == 1, "the server has seen the client go")
    assert await counted.since() == {"latency": (0, 0), "availability": (0, 0)}


async def test_half_close(shared_monitor: MonitorProcess, server: ModelServer) -> None:
    """A client that ends only its own side still gets the answer of a server that gives one."""

    async def reply(_request: Request, connection: Connection) -> None:
        assert await connection.reader.read() == b""
        connection.write(answer(b"all the same"))
        await connection.writer.drain()
        connection.writer.close()

    server.handler = reply
    async with RawClient(shared_monitor.serving_port) as client:
        client.send(infer())
        client.writer.write_eof()
        got = await client.read_answer()
        assert (got.body, got.header("connection")) == (b"all the same", "close")
        assert await client.read_end() == b""


async def test_half_close_after_pipelining(shared_monitor: MonitorProcess, server: ModelServer) -> None:
    """All requests sent before the end of the client's side are answered."""
    server.handler = echo
    async with RawClient(shared_monitor.serving_port) as client:
        client.send(infer(b"1") + infer(b"2") + infer(b"3"))
        client.writer.write_eof()
        assert [(await client.read_answer()).body for _ in range(3)] == [b"1", b"2", b"3"]
        assert await client.read_end() == b""


async def test_server_that_closes_between_requests(
    shared_monitor: MonitorProcess, server: ModelServer, counted: Counted
) -> None:
    """A server that drops kept-alive connections without a word costs no request."""

    async def reply(_request: Request, connection: Connection) -> None:
        connection.write(prediction())
        await connection.writer.drain()
        connection.writer.close()

    server.handler = reply
    async with RawClient(shared_monitor.serving_port) as client:
        for _ in range(20):
            assert (await client.ask(infer())).status == 200
    assert await counted.since() == {"latency": (20, 0), "availability": (20, 0)}


async def test_keep_alive_race_is_retried(
    shared_monitor: MonitorProcess, server: ModelServer, counted: Counted
) -> None:
    """A prediction that meets the end of a kept-alive connection is sent once more, on a new one."""
    seen = 0

    async def reply(_request: Request, connection: Connection) -> None:
        nonlocal seen
        seen += 1
        if seen == 2:
            connection.reset()
        else:
            connection.write(prediction())

    server.handler = reply
    async with RawClient(shared_monitor.serving_port) as client:
        assert [(await client.ask(infer())).status for _ in range(2)] == [200, 200]
    assert seen == 3
    assert await counted.since() == {"latency": (2, 0), "availability": (2, 0)}


async def test_other_posts_are_not_retried(shared_monitor: MonitorProcess, server: ModelServer) -> None:
    """A POST that may have an effect is not sent twice."""
    seen = 0

    async def reply(_request: Request, connection: Connection) -> None:
        nonlocal seen
        seen += 1
        if seen == 2:
            connection.reset()
        else:
            connection.write(answer(b""))

    server.handler = reply
    async with RawClient(shared_monitor.serving_port) as client:
        post = infer().replace(b"/infer", b"/load")
        assert [(await client.ask(post)).status for _ in range(2)] == [200, 502]
    assert seen == 2


async def test_open_connections_and_requests_in_flight(
    start_monitor: MonitorFactory, server: ModelServer
) -> None:
    """The state that the admin port shows follows connections and requests."""
    monitor = start_monitor(server.port)
    go_on = asyncio.Event()

    async def wait(_request: Request, connection: Connection) -> None:
        await go_on.wait()
        connection.write(prediction())

    server.handler = wait

    async def shows(connections: int, in_flight: int) -> bool:
        state = await monitor.get_traffic()
        return (state["open_connections"], state["in_flight"]) == (connections, in_flight)

    async with RawClient(monitor.serving_port) as one, RawClient(monitor.serving_port):
        one.send(infer())
        await until_answered(lambda: shows(2, 1), "two connections, one request")
        go_on.set()
        assert (await one.read_answer()).status == 200
        await until_answered(lambda: shows(2, 0), "two connections, no request")
    await until_answered(lambda: shows(0, 0), "nothing")
    assert (await monitor.get_traffic())["requests_total"] == 1
