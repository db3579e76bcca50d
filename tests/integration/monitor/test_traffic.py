"""Rebalancing, withdrawal and draining: connections move, and no request fails because of it."""

import asyncio
import signal
import sys
from collections.abc import Callable

import aiohttp
import pytest

from dev.cluster.controlplane import free_ports
from modelward.conventions import METRIC_FORWARDED, METRIC_REQUESTS
from tests.integration.monitor.conftest import MonitorFactory
from tests.integration.monitor.model_server import (
    Connection,
    Handler,
    ModelServer,
    Request,
    answer,
    echo,
    prediction,
)
from tests.integration.monitor.monitor_process import MonitorProcess
from tests.integration.monitor.raw_client import RawClient, get, infer
from tests.integration.signals.conditions import until, until_answered


def withdraw(port: int, generation: int = 2) -> dict[str, object]:
    """A traffic object that sends requests to a port on loopback."""
    return {"mode": "Withdraw", "generation": generation, "forward_to": f"http://127.0.0.1:{port}"}


def named(name: bytes) -> Handler:
    """A handler that says which server answers."""

    async def reply(_request: Request, connection: Connection) -> None:
        connection.write(answer(name, "200 OK", "Connection: keep-alive", "Keep-Alive: timeout=5"))

    return reply


def asked_more(server: ModelServer) -> Callable[[], bool]:
    """Return the condition that a server was asked more than fifty times from now on."""
    count = len(server.requests)
    return lambda: len(server.requests) > count + 50


@pytest.fixture
def monitor(start_monitor: MonitorFactory, server: ModelServer) -> MonitorProcess:
    """Run a monitor of the test's own, whose server answers `own`."""
    server.handler = named(b"own")
    return start_monitor(server.port)


@pytest.fixture
async def stable() -> ModelServer:
    """Make the stable revision's server, which answers `stable`; not started."""
    return ModelServer(free_ports(1)[0], named(b"stable"))


async def test_withdrawal(monitor: MonitorProcess, server: ModelServer, stable: ModelServer) -> None:
    """From the call on, every connection's next request is answered by stable and is its last."""
    async with (
        stable,
        RawClient(monitor.serving_port) as open_before,
        RawClient(monitor.serving_port) as idle,
    ):
        assert (await open_before.ask(infer())).body == b"own"
        status, said = await monitor.put_traffic(withdraw(stable.port))
        assert (status, said["generation"], said["mode"]) == (200, 2, "Withdraw")
        for client in (open_before, idle):
            got = await client.ask(infer())
            assert (got.body, got.header("connection"), got.header("keep-alive")) == (
                b"stable",
                "close",
                None,
            )
            assert await client.read_end() == b""
        async with RawClient(monitor.serving_port) as new:
            assert (await new.ask(get(), "GET")).body == b"stable"
        samples = await monitor.scrape()
    assert len(server.requests) == 1
    assert (samples.get(METRIC_REQUESTS), samples.get(METRIC_FORWARDED)) == (1, 3)
    assert samples.verdicts("availability") == (1, 0)


async def test_request_in_flight_ends_where_it_began(
    monitor: MonitorProcess, server: ModelServer, stable: ModelServer
) -> None:
    """A request that the withdrawn server already has is answered by it."""
    go_on = asyncio.Event()

    async def wait(_request: Request, connection: Connection) -> None:
        await go_on.wait()
        connection.write(answer(b"own"))

    server.handler = wait
    async with stable, RawClient(monitor.serving_port) as client:
        client.send(infer())
        await until(lambda: len(server.requests) == 1, "the server has the request")
        await monitor.put_traffic(withdraw(stable.port))
        go_on.set()
        got = await client.read_answer()
    assert (got.body, got.header("connection")) == (b"own", "close")


async def test_pipelined_requests_survive_withdrawal(monitor: MonitorProcess, stable: ModelServer) -> None:
    """Requests that had already arrived are all answered before the connection closes."""
    async with stable, RawClient(monitor.serving_port) as client:
        await monitor.put_traffic(withdraw(stable.port))
        client.send(infer() * 3)
        closes = [(await client.read_answer()).header("connection") for _ in range(3)]
        assert closes[-1] == "close"
        assert "close" not in closes[:-1]
        assert await client.read_end() == b""
    assert len(stable.requests) == 3


async def test_stable_unreachable(monitor: MonitorProcess, server: ModelServer, stable: ModelServer) -> None:
    """When stable is not there the withdrawn server answers after all, and that is counted."""
    await monitor.put_traffic(withdraw(stable.port))
    async with RawClient(monitor.serving_port) as client:
        got = await client.ask(infer())
    assert (got.status, got.body, got.header("connection")) == (200, b"own", "close")
    assert len(server.requests) == 1
    assert (await monitor.scrape("/metrics")).get("modelward_forward_fallbacks_total") == 1
    assert (await monitor.scrape()).get(METRIC_REQUESTS) == 1


async def test_stable_that_hangs_up(monitor: MonitorProcess, stable: ModelServer) -> None:
    """When stable drops the connection before it answers, the withdrawn server does, body and all."""

    async def hang_up(_request: Request, connection: Connection) -> None:
        connection.reset()

    stable.handler = hang_up
    await monitor.put_traffic(withdraw(stable.port))
    async with stable, RawClient(monitor.serving_port) as client:
        got = await client.ask(infer(b"x" * 50_000))
    assert (got.status, got.body) == (200, b"own")


async def test_feedback_is_taken_while_withdrawn(monitor: MonitorProcess, stable: ModelServer) -> None:
    """Labels need no other revision to be taken: a withdrawn one's monitor answers for them itself."""
    await monitor.put_traffic(withdraw(stable.port))
    async with RawClient(monitor.serving_port) as client:
        got = await client.ask(infer().replace(b"/v2/models/m/infer", b"/v1/feedback"))
    assert b"receipt" in got.body
    assert got.header("connection") == "close"
    assert stable.requests == []


async def test_two_withdrawn_for_each_other(start_monitor: MonitorFactory, server: ModelServer) -> None:
    """Revisions that were withdrawn in favour of each other don't send a request to and fro."""
    server.handler = named(b"own")
    one, other = start_monitor(server.port), start_monitor(server.port)
    await one.put_traffic(withdraw(other.serving_port))
    await other.put_traffic(withdraw(one.serving_port))
    async with RawClient(one.serving_port) as client:
        assert (await client.ask(infer())).body == b"own"
    assert len(server.requests) == 1


async def test_synthetic_port_is_not_withdrawn(monitor: MonitorProcess, stable: ModelServer) -> None:
    """Gates go on asking the revision itself."""
    async with stable, RawClient(monitor.synthetic_port) as client:
        await monitor.put_traffic(withdraw(stable.port))
        got = await client.ask(infer())
    assert (got.body, got.header("connection")) == (b"own", "keep-alive")


async def test_withdrawal_under_load_loses_nothing(
    monitor: MonitorProcess, server: ModelServer, stable: ModelServer
) -> None:
    """Clients that keep connections see only whole good answers while traffic goes to and fro."""
    statuses: list[int] = []
    stop = asyncio.Event()

    async def client(session: aiohttp.ClientSession) -> None:
        while not stop.is_set():
            async with session.post(monitor.url("/v2/models/m/infer"), data=b"{}") as got:
                assert await got.read() in {b"own", b"stable"}
                statuses.append(got.status)

    async with stable, aiohttp.ClientSession() as session, asyncio.TaskGroup() as group:
        for _ in range(8):
            group.create_task(client(session))
        for generation in range(2, 8, 2):
            await until(lambda: len(statuses) % 7 == 6, "some answers")
            stable_answers = asked_more(stable)
            await monitor.put_traffic(withdraw(stable.port, generation))
            await until(stable_answers, "stable answers")
            own_answers = asked_more(server)
            await monitor.put_traffic({"mode": "Serve", "generation": generation + 1})
            await until(own_answers, "own answers")
        stop.set()
    assert set(statuses) == {200}


async def test_rebalancing_closes_old_connections(monitor: MonitorProcess) -> None:
    """During a split a connection is asked to reconnect after its age, with an answer, never before."""
    rebalance = {"mode": "Rebalance", "generation": 2, "connection_max_age_seconds": 1.0}
    assert (await monitor.put_traffic(rebalance))[0] == 200
    loop = asyncio.get_running_loop()
    async with RawClient(monitor.serving_port) as client:
        began = loop.time()
        answers = 0
        while (await client.ask(infer())).header("connection") != "close":
            answers += 1
            await asyncio.sleep(0.01)
        assert loop.time() - began > 0.7
        assert answers > 0
        assert await client.read_end() == b""


async def test_generations(monitor: MonitorProcess) -> None:
    """The higher generation holds, from whichever side it comes; the same one twice changes nothing."""
    newer = {"mode": "Rebalance", "generation": 5, "connection_max_age_seconds": 60.0}
    assert (await monitor.put_traffic(newer))[0] == 200
    assert (await monitor.put_traffic(newer))[0] == 200
    status, said = await monitor.put_traffic({"mode": "Serve", "generation": 4})
    assert (status, "older than 5" in said["error"]) == (409, True)
    status, said = await monitor.put_traffic({"mode": "Serve", "generation": 5})
    assert (status, "another content" in said["error"]) == (409, True)

    async def mode() -> tuple[object, object]:
        state = await monitor.get_traffic()
        return state["mode"], state["generation"]

    monitor.write_config({**monitor.config, "traffic": {"mode": "Serve", "generation": 3}})
    await until(lambda: "is ignored: older" in monitor.log(), "the file's older generation is logged")
    assert await mode() == ("Rebalance", 5)
    monitor.write_config({**monitor.config, "traffic": {"mode": "Serve", "generation": 6}})

    async def is_newest() -> bool:
        return await mode() == ("Serve", 6)

    await until_answered(is_newest, "the file's newer generation")


async def test_admin_calls_need_the_token(monitor: MonitorProcess) -> None:
    """Without the right token nothing changes, nor is shown."""
    traffic = {"mode": "Rebalance", "generation": 9}
    assert (await monitor.put_traffic(traffic, "wrong"))[0] == 401
    assert (await monitor.put_traffic(traffic, ""))[0] == 401
    async with (
        aiohttp.ClientSession() as session,
        session.get(f"http://127.0.0.1:{monitor.admin_port}/traffic") as got,
    ):
        assert got.status == 401
    assert (await monitor.get_traffic())["mode"] == "Serve"


async def test_token_that_is_no_text_is_a_wrong_one(shared_monitor: MonitorProcess) -> None:
    """A token of bytes that are not UTF-8 is answered 401 like every other wrong one."""
    reader, writer = await asyncio.open_connection("127.0.0.1", shared_monitor.admin_port)
    writer.write(b"GET /traffic HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer \xff\xfe\r\n\r\n")
    assert (await reader.readline()).split()[1] == b"401"
    writer.close()
    await writer.wait_closed()


@pytest.mark.parametrize(
    ("traffic", "text"),
    [
        ({"mode": "Withdraw", "generation": 2}, "forward_to"),
        ({"mode": "Away", "generation": 2}, "'Serve', 'Rebalance' or 'Withdraw'"),
        ({"mode": "Serve", "generation": -1}, "generation"),
        ({"mode": "Serve", "generation": 2, "extra": 1}, "extra"),
        ({**withdraw(80), "forward_to": "https://x/y"}, "http://HOST[:PORT]"),
        ([], "body"),
    ],
)
async def test_wrong_traffic_is_refused(shared_monitor: MonitorProcess, traffic: object, text: str) -> None:
    """A traffic object that is none is refused with what is wrong."""
    status, said = await shared_monitor.put_traffic(traffic)
    assert status == 400
    assert text in said["error"]
    assert (await shared_monitor.get_traffic())["mode"] == "Serve"


async def test_draining(start_monitor: MonitorFactory, server: ModelServer) -> None:
    """Told to drain it is not ready, accepts, answers, lets connections go; SIGTERM then ends it."""
    monitor = start_monitor(server.port, drain_seconds=2)
    server.handler = echo
    async with RawClient(monitor.serving_port) as kept:
        assert (await kept.ask(infer(b"1"))).header("connection") is None
        assert (await monitor.ready())[0] == 200
        monitor.send_signal(signal.SIGUSR1)

        async def is_not_ready() -> bool:
            return await monitor.ready() == (503, "the pod is ending\n")

        await until_answered(is_not_ready, "not ready")
        assert (await kept.ask(infer(b"2"))).header("connection") == "close"
        assert await kept.read_end() == b""
        async with RawClient(monitor.serving_port) as new:
            got = await new.ask(infer(b"3"))
            assert (got.body, got.header("connection")) == (b"3", "close")
    assert await asyncio.to_thread(monitor.stop) == 0


async def test_sigterm_lets_requests_finish(start_monitor: MonitorFactory, server: ModelServer) -> None:
    """A request under way when draining ends is answered; an idle connection is closed; then it exits 0."""
    monitor = start_monitor(server.port, drain_seconds=0)
    go_on = asyncio.Event()

    async def wait(_request: Request, connection: Connection) -> None:
        await go_on.wait()
        connection.write(prediction())

    server.handler = wait
    async with RawClient(monitor.serving_port) as busy, RawClient(monitor.serving_port) as idle:
        busy.send(infer())
        await until(lambda: len(server.requests) == 1, "the server has the request")
        stopping = asyncio.create_task(asyncio.to_thread(monitor.stop))
        assert await idle.read_end() == b""
        assert not stopping.done()
        go_on.set()
        got = await busy.read_answer()
        assert (got.status, got.header("connection")) == (200, "close")
        assert await busy.read_end() == b""
    assert await stopping == 0


async def test_drain_command(start_monitor: MonitorFactory) -> None:
    """`modelward-monitor drain` makes the named process drain, as the preStop hook does."""
    monitor = start_monitor(1)
    assert monitor.process is not None
    command = ("-m", "modelward.monitor", "drain", "--pid", str(monitor.process.pid))
    run = await asyncio.create_subprocess_exec(sys.executable, *command)
    assert await run.wait() == 0
    assert await monitor.ready() == (503, "the pod is ending\n")
