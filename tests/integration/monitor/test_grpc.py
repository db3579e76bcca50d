"""gRPC through the monitor: what passes, what is counted, and that moving connections fails no call."""

import asyncio
from collections.abc import AsyncIterator
from functools import partial

import grpc
import pytest
import pytest_asyncio

from dev.cluster.controlplane import free_ports
from modelward.conventions import METRIC_DURATION, METRIC_FORWARDED, METRIC_GRPC_CALLS, METRIC_REQUESTS
from tests.integration.monitor import grpc_server
from tests.integration.monitor.conftest import MonitorFactory, speaking
from tests.integration.monitor.grpc_server import GrpcServer, channel, infer
from tests.integration.monitor.model_server import ModelServer
from tests.integration.monitor.monitor_process import MonitorProcess
from tests.integration.monitor.raw_client import RawClient
from tests.integration.monitor.raw_client import infer as raw_infer
from tests.integration.signals.conditions import until, until_answered

UNHURRIED = [
    {"name": "latency", "config": "l1", "kind": "latency", "within_ms": grpc_server.LIMIT_SECONDS * 1000},
    {"name": "availability", "config": "a1", "kind": "availability"},
]
"""Objectives that are met by every call that is answered, however busy the machine is."""


@pytest.fixture
def monitor(start_monitor: MonitorFactory, server: ModelServer, grpc_model: GrpcServer) -> MonitorProcess:
    """Run a monitor whose server speaks gRPC."""
    return speaking(start_monitor, server, grpc_model.port)


async def test_calls_pass_and_are_counted(
    start_monitor: MonitorFactory, server: ModelServer, grpc_model: GrpcServer
) -> None:
    """Calls of one connection are answered byte for byte, and each is an event."""
    monitor = speaking(start_monitor, server, grpc_model.port, objectives=UNHURRIED)
    requests = [b"", b"features", bytes(range(256)) * 4096 * 4]
    async with channel(monitor.serving_port) as client:
        for request in requests:
            assert await infer(client, request) == request
        assert await asyncio.gather(*(infer(client, b"%d" % number) for number in range(100))) == [
            b"%d" % number for number in range(100)
        ]
    samples, operations = await monitor.scrape(), await monitor.scrape("/metrics")
    assert samples.verdicts("availability") == samples.verdicts("latency") == (103, 0)
    assert samples.get(METRIC_REQUESTS) == 103
    assert operations.get(METRIC_GRPC_CALLS, grpc_status="OK") == 103
    assert operations.get(f"{METRIC_DURATION}_count", status="2xx") == 103
    assert operations.get("modelward_grpc_unwatched_connections_total") == 0
    assert len(set(grpc_model.peers)) == 1


async def test_streams_pass(monitor: MonitorProcess) -> None:
    """Calls with streams both ways pass as they come, and are requests but no predictions."""
    parts = [b"one", b"x" * 100_000, b""]
    async with channel(monitor.serving_port) as client:
        assert await grpc_server.stream(client, parts) == parts
        assert await infer(client, b"?", grpc_server.READY) == b"?"
    samples = await monitor.scrape()
    assert samples.get(METRIC_REQUESTS) == 2
    assert samples.verdicts("availability") == samples.verdicts("latency") == (0, 0)


@pytest.mark.parametrize(
    ("code", "availability", "latency"),
    [
        (grpc.StatusCode.INVALID_ARGUMENT, (0, 0), (0, 0)),
        (grpc.StatusCode.NOT_FOUND, (0, 0), (0, 0)),
        (grpc.StatusCode.RESOURCE_EXHAUSTED, (0, 0), (0, 0)),
        (grpc.StatusCode.UNKNOWN, (0, 1), (0, 0)),
        (grpc.StatusCode.DEADLINE_EXCEEDED, (0, 1), (0, 0)),
        (grpc.StatusCode.UNIMPLEMENTED, (0, 1), (0, 0)),
        (grpc.StatusCode.INTERNAL, (0, 1), (0, 0)),
        (grpc.StatusCode.UNAVAILABLE, (0, 1), (0, 0)),
        (grpc.StatusCode.DATA_LOSS, (0, 1), (0, 0)),
    ],
    ids=lambda value: value.name if isinstance(value, grpc.StatusCode) else "",
)
async def test_statuses(
    monitor: MonitorProcess,
    grpc_model: GrpcServer,
    code: grpc.StatusCode,
    availability: tuple[int, int],
    latency: tuple[int, int],
) -> None:
    """A server's error is unavailable and no answer in time; what the client did wrong is no event."""
    grpc_model.handler = grpc_server.always(code)
    async with channel(monitor.serving_port) as client:
        with pytest.raises(grpc.aio.AioRpcError) as failed:
            await infer(client)
        assert (failed.value.code(), failed.value.details()) == (code, "as the test wants it")
    samples = await monitor.scrape()
    assert (samples.verdicts("availability"), samples.verdicts("latency")) == (availability, latency)
    assert (await monitor.scrape("/metrics")).get(METRIC_GRPC_CALLS, grpc_status=code.name) == 1


async def test_synthetic_calls_are_no_events(monitor: MonitorProcess) -> None:
    """What gates and probes ask passes, and counts nowhere."""
    async with channel(monitor.synthetic_port) as client:
        assert await infer(client) == b"features"
    samples = await monitor.scrape()
    assert (samples.get(METRIC_REQUESTS), samples.verdicts("availability")) == (0, (0, 0))


async def test_a_client_that_cancels(monitor: MonitorProcess, grpc_model: GrpcServer) -> None:
    """Its call is no event, and its connection goes on."""
    go_on = asyncio.Event()
    grpc_model.handler = grpc_server.held(go_on)
    async with channel(monitor.serving_port) as client:
        call = asyncio.create_task(infer(client))
        await until(lambda: grpc_model.calls == 1, "the server has the call")
        assert (await monitor.get_traffic())["in_flight"] == 1
        call.cancel()
        await until_answered(partial(none_in_flight, monitor), "the call is gone")
        go_on.set()
        assert await infer(client) == b"features"
    assert (await monitor.scrape()).verdicts("availability") == (1, 0)
    failures = await monitor.scrape("/metrics")
    assert failures.get("modelward_request_failures_total", reason="client_gone") == 1
    assert len(set(grpc_model.peers)) == 1


async def none_in_flight(monitor: MonitorProcess) -> bool:
    """Whether no request is under way."""
    return bool((await monitor.get_traffic())["in_flight"] == 0)


async def test_a_server_that_ends(monitor: MonitorProcess, grpc_model: GrpcServer) -> None:
    """Calls that its end breaks off are unavailable, in the client's eyes and in what is counted."""
    grpc_model.handler = grpc_server.held(asyncio.Event())
    async with channel(monitor.serving_port) as client:
        call = asyncio.create_task(infer(client))
        await until(lambda: grpc_model.calls == 1, "the server has the call")
        await grpc_model.stop()
        with pytest.raises(grpc.aio.AioRpcError) as failed:
            await call
        assert failed.value.code() is grpc.StatusCode.UNAVAILABLE
    assert (await monitor.scrape()).verdicts("availability") == (0, 1)
    assert await none_in_flight(monitor)


async def test_a_server_that_is_not_there(start_monitor: MonitorFactory, server: ModelServer) -> None:
    """The pod is not ready, and says so; clients see it as unavailable."""
    (port,) = free_ports(1)
    monitor = speaking(start_monitor, server, port)
    status, text = await monitor.ready()
    assert (status, f"port {port}" in text) == (503, True)
    async with channel(monitor.serving_port) as client:
        with pytest.raises(grpc.aio.AioRpcError) as failed:
            await infer(client)
        assert failed.value.code() is grpc.StatusCode.UNAVAILABLE
    unreachable = (await monitor.scrape("/metrics")).get(
        "modelward_request_failures_total", reason="unreachable"
    )
    assert unreachable is not None
    assert unreachable > 0
    async with GrpcServer(port):
        assert (await monitor.ready())[0] == 200


async def test_a_server_without_grpc(shared_monitor: MonitorProcess) -> None:
    """It is refused in words that a client shows, and counted."""
    async with channel(shared_monitor.serving_port) as client:
        with pytest.raises(grpc.aio.AioRpcError) as failed:
            await infer(client)
        assert failed.value.code() is grpc.StatusCode.UNAVAILABLE
        assert "400" in str(failed.value.details())
    operations = await shared_monitor.scrape("/metrics")
    refused = operations.get("modelward_request_failures_total", reason="no_grpc")
    assert refused is not None
    assert refused > 0


async def test_http_goes_on_beside_it(monitor: MonitorProcess, server: ModelServer) -> None:
    """One port takes both protocols."""
    async with channel(monitor.serving_port) as client, RawClient(monitor.serving_port) as plain:
        assert await infer(client) == b"features"
        assert (await plain.ask(raw_infer())).status == 200
    assert len(server.requests) == 1
    assert (await monitor.scrape()).verdicts("availability") == (2, 0)


PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"


@pytest.mark.parametrize("step", [1, 7, 18, 19, 1 << 20])
async def test_bytes_pass_untouched_though_they_are_not_followed(
    start_monitor: MonitorFactory, server: ModelServer, step: int
) -> None:
    """What no watcher understands reaches the other side byte for byte, both ways, however it is cut."""
    came, sent = bytearray(), bytes(range(256)) * 20

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        came.extend(await reader.readexactly(len(PREFACE) + len(sent)))
        for start in range(0, len(sent), step):
            writer.write(sent[start : start + step])
            await writer.drain()
        writer.close()

    listening = await asyncio.start_server(answer, "127.0.0.1", 0)
    monitor = speaking(start_monitor, server, listening.sockets[0].getsockname()[1])
    async with listening, RawClient(monitor.serving_port) as client:
        data = PREFACE + sent
        for start in range(0, len(data), step):
            client.send(data[start : start + step])
            await asyncio.sleep(0)
        assert await client.read_end() == sent
    assert came == data
    operations = await monitor.scrape("/metrics")
    assert operations.get("modelward_grpc_unwatched_connections_total") == 1
    assert await none_in_flight(monitor)


def withdraw(port: int, generation: int = 2) -> dict[str, object]:
    """A traffic object that sends requests to a port on loopback."""
    return {"mode": "Withdraw", "generation": generation, "forward_to": f"http://127.0.0.1:{port}"}


def named(name: bytes) -> grpc_server.Handler:
    """A handler that says which server answers."""

    async def reply(_request: bytes, _context: object) -> bytes:
        return name

    return reply


@pytest_asyncio.fixture
async def stable(
    start_monitor: MonitorFactory, server: ModelServer
) -> AsyncIterator[tuple[GrpcServer, MonitorProcess]]:
    """Run the stable revision: a server that answers `stable`, and its monitor."""
    async with GrpcServer(free_ports(1)[0], named(b"stable")) as running:
        yield running, speaking(start_monitor, server, running.port)


async def test_withdrawal_under_load_fails_no_call(
    monitor: MonitorProcess, grpc_model: GrpcServer, stable: tuple[GrpcServer, MonitorProcess]
) -> None:
    """Clients that keep their connections see only good answers while traffic goes to and fro."""
    grpc_model.handler = named(b"own")
    answers: list[bytes] = []
    stop = asyncio.Event()

    async def call(number: int) -> None:
        async with channel(monitor.serving_port) as client:
            while not stop.is_set():
                answers.append(await infer(client, b"x" * 50 * number))
                await asyncio.sleep(0.001 * number)

    async with asyncio.TaskGroup() as group:
        for number in range(6):
            group.create_task(call(number))
        for generation in (2, 4):
            await until(lambda: answers[-1:] == [b"own"], "own answers")
            await monitor.put_traffic(withdraw(stable[1].serving_port, generation))
            await until(lambda: answers[-50:] == [b"stable"] * 50, "stable answers alone")
            await monitor.put_traffic({"mode": "Serve", "generation": generation + 1})
            await until(lambda: answers[-50:] == [b"own"] * 50, "own answers alone")
        stop.set()
    samples = await monitor.scrape()
    assert set(answers) == {b"own", b"stable"}
    assert samples.get(METRIC_REQUESTS) == samples.verdicts("availability")[0] == answers.count(b"own")
    assert samples.get(METRIC_FORWARDED) == answers.count(b"stable") == stable[0].calls
    assert await none_in_flight(monitor)


async def test_two_withdrawn_for_each_other(
    monitor: MonitorProcess, grpc_model: GrpcServer, stable: tuple[GrpcServer, MonitorProcess]
) -> None:
    """Revisions that were withdrawn in favour of each other don't send a connection to and fro."""
    grpc_model.handler = named(b"own")
    await monitor.put_traffic(withdraw(stable[1].serving_port))
    await stable[1].put_traffic(withdraw(monitor.serving_port))
    async with channel(monitor.serving_port) as client:
        assert await infer(client) == b"stable"
    assert (grpc_model.calls, stable[0].calls) == (0, 1)


@pytest.mark.parametrize("has_stable", [False, True], ids=["nobody there", "without gRPC"])
async def test_stable_that_can_not_answer(
    monitor: MonitorProcess, grpc_model: GrpcServer, shared_monitor: MonitorProcess, has_stable: bool
) -> None:
    """Where stable is not there, or speaks no gRPC, the withdrawn server answers after all."""
    port = shared_monitor.serving_port if has_stable else free_ports(1)[0]
    await monitor.put_traffic(withdraw(port))
    async with channel(monitor.serving_port) as client:
        assert await infer(client) == b"features"
    assert grpc_model.calls == 1
    assert (await monitor.scrape()).get(METRIC_REQUESTS) == 1


async def test_connections_leave_at_their_age(monitor: MonitorProcess, grpc_model: GrpcServer) -> None:
    """While traffic is split a client is moved to a new connection, and none of its calls fails."""
    async with channel(monitor.serving_port) as client:
        await infer(client)
        rebalance = {"mode": "Rebalance", "generation": 2, "connection_max_age_seconds": 0.1}
        assert (await monitor.put_traffic(rebalance))[0] == 200
        while len(set(grpc_model.peers)) < 3:
            assert await infer(client) == b"features"
            await asyncio.sleep(0.005)
    bad = (await monitor.scrape()).events("availability", "bad")
    assert bad == 0


async def test_sigterm_lets_calls_finish(monitor: MonitorProcess, grpc_model: GrpcServer) -> None:
    """A call under way when draining ends is answered; an idle client is asked to go; then it exits 0."""
    go_on = asyncio.Event()
    async with channel(monitor.serving_port) as idle, channel(monitor.serving_port) as busy:
        await infer(idle)
        grpc_model.handler = grpc_server.held(go_on)
        call = asyncio.create_task(infer(busy))
        await until(lambda: grpc_model.calls == 2, "the server has the call")
        stopping = asyncio.create_task(asyncio.to_thread(monitor.stop))

        async def one_is_left() -> bool:
            return bool((await monitor.get_traffic())["open_connections"] == 1)

        await until_answered(one_is_left, "the idle client is gone")
        assert not stopping.done()
        go_on.set()
        assert await call == b"features"
    assert await stopping == 0
