"""The mounted files: read at the start, again when they change, refused when they are invalid; readiness."""

import asyncio
import json
import sys
from typing import Any

import pytest

from modelward.conventions import METRIC_EVENTS
from tests.integration.monitor.conftest import MonitorFactory
from tests.integration.monitor.model_server import Connection, ModelServer, Request, answer
from tests.integration.monitor.monitor_process import MonitorProcess, configuration
from tests.integration.monitor.raw_client import RawClient, infer
from tests.integration.signals.conditions import until, until_answered


def failures(monitor: MonitorProcess, expected: int) -> Any:
    """A condition: so many reloads have failed."""

    async def counted() -> bool:
        samples = await monitor.scrape("/metrics")
        return samples.get("modelward_config_reload_failures_total") == expected

    return counted


async def test_objectives_are_reloaded(start_monitor: MonitorFactory, server: ModelServer) -> None:
    """A changed objective is counted under its new hash from 0, the others go on."""
    monitor = start_monitor(server.port)
    async with RawClient(monitor.serving_port) as client:
        await client.ask(infer())
        config = json.loads(json.dumps(monitor.config))
        config["objectives"][0].update(config="l2", within_ms=60_000)
        monitor.write_config(config)

        async def is_loaded() -> bool:
            return (await monitor.scrape()).get(METRIC_EVENTS, config="l2", result="good") == 0

        await until_answered(is_loaded, "the new objective at 0")
        await client.ask(infer())
    samples = await monitor.scrape()
    assert samples.verdicts("latency") == (1, 0)
    assert samples.verdicts("availability") == (2, 0)
    assert samples.get(METRIC_EVENTS, config="l1", result="good") is None


async def test_config_map_mount(start_monitor: MonitorFactory, server: ModelServer) -> None:
    """A change is seen through the kubelet's links: the file links to ..data, which is swapped."""
    monitor = start_monitor(server.port)
    folder = monitor.folder / "config"
    (folder / "monitor.json").unlink()
    for generation in (2, 3):
        version = folder / f"..v{generation}"
        version.mkdir()
        config = {**monitor.config, "traffic": {"mode": "Serve", "generation": generation}}
        (version / "monitor.json").write_text(json.dumps(config))
        link = folder / "..data_new"
        link.symlink_to(version.name)
        link.rename(folder / "..data")
        if generation == 2:
            (folder / "monitor.json").symlink_to("..data/monitor.json")

        async def is_loaded(generation: int = generation) -> bool:
            return bool((await monitor.get_traffic())["generation"] == generation)

        await until_answered(is_loaded, f"generation {generation}")


async def test_invalid_file_keeps_the_last_good(start_monitor: MonitorFactory, server: ModelServer) -> None:
    """Each invalid file is one log line and one count, and the monitor serves on as before."""
    monitor = start_monitor(server.port)
    wrong: list[tuple[Any, str]] = [
        ("{", "Invalid JSON"),
        ({**monitor.config, "versoin": 1}, "versoin: Extra inputs"),
        ({**monitor.config, "revision": "other"}, "belongs in its own ConfigMap"),
        ({**monitor.config, "objectives": [{"name": "x", "config": "c", "kind": "speed"}]}, "objectives.0"),
        ({**monitor.config, "traffic": {"mode": "Withdraw"}}, "forward_to"),
    ]
    for number, (config, text) in enumerate(wrong, start=1):
        monitor.write_config(config)
        await until_answered(failures(monitor, number), f"{number} failed reloads")
        errors = [line for line in monitor.log().splitlines() if '"level":"error"' in line]
        assert len(errors) == number
        assert text in errors[-1]
    async with RawClient(monitor.serving_port) as client:
        assert (await client.ask(infer())).status == 200
    assert (await monitor.scrape()).verdicts("latency") == (1, 0)
    assert (await monitor.ready())[0] == 200


async def test_start_without_configuration(start_monitor: MonitorFactory, server: ModelServer) -> None:
    """Without a valid file it is alive, not ready, answers 503 and counts it; it recovers with the file."""
    monitor = start_monitor(server.port, version=2)
    assert await monitor.ready() == (503, "the monitor has no valid configuration\n")
    async with RawClient(monitor.serving_port) as client:
        assert (await client.ask(infer())).status == 503
    monitor.write_config(configuration(server.port))

    async def is_ready() -> bool:
        return (await monitor.ready())[0] == 200

    await until_answered(is_ready, "ready")
    refused = (await monitor.scrape("/metrics")).get(
        "modelward_request_failures_total", reason="unconfigured"
    )
    assert refused == 1


async def test_ready_follows_the_v2_server(start_monitor: MonitorFactory, server: ModelServer) -> None:
    """A v2 server is ready when its health endpoint says 200, and it says why when not."""
    monitor = start_monitor(server.port)
    status = "200 OK"

    async def reply(request: Request, connection: Connection) -> None:
        assert request.target == "/v2/health/ready"
        connection.write(answer(b"", status))

    server.handler = reply
    assert (await monitor.ready())[0] == 200
    status = "503 Service Unavailable"
    code, text = await monitor.ready()
    assert (code, "answered HTTP/1.1 503" in text) == (503, True)
    await server.stop()
    assert (await monitor.ready())[0] == 503
    await server.start()


@pytest.mark.parametrize(
    ("status", "expected"), [("200 OK", 200), ("401 Unauthorized", 200), ("404 No", 503)]
)
async def test_ready_follows_an_openai_server(
    start_monitor: MonitorFactory, server: ModelServer, status: str, expected: int
) -> None:
    """An OpenAI-compatible server is ready when it lists its models, or asks for a key to do so."""

    async def models(request: Request, connection: Connection) -> None:
        assert request.target == "/v1/models"
        connection.write(answer(b"{}", status))

    server.handler = models
    monitor = start_monitor(server.port, server={"protocol": "openai", "port": server.port})
    assert (await monitor.ready())[0] == expected


async def test_ready_follows_a_plain_server(start_monitor: MonitorFactory, server: ModelServer) -> None:
    """A plain HTTP server is ready when it accepts connections."""
    monitor = start_monitor(server.port, server={"protocol": "http", "port": server.port})
    assert (await monitor.ready())[0] == 200
    await server.stop()
    assert (await monitor.ready())[0] == 503
    await server.start()


async def test_server_that_hangs_is_not_ready(start_monitor: MonitorFactory, server: ModelServer) -> None:
    """A readiness check has an end."""
    monitor = start_monitor(server.port)

    async def hang(_request: Request, connection: Connection) -> None:
        await connection.reader.read()

    server.handler = hang
    code, text = await monitor.ready()
    assert (code, "no answer within" in text) == (503, True)


async def test_missing_keys(start_monitor: MonitorFactory, server: ModelServer) -> None:
    """A key file that is no longer valid keeps the last good keys in force."""
    monitor = start_monitor(server.port)
    monitor.write_keys(b"short")
    await until(lambda: "write 16 or more" in monitor.log(), "the short key is refused")
    async with RawClient(monitor.serving_port) as client:
        assert (await client.ask(infer())).header("modelward-receipt")
    assert (await monitor.ready())[0] == 200


async def test_port_taken(shared_monitor: MonitorProcess) -> None:
    """A port that is taken ends the process with one line that says so."""
    run = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "modelward.monitor",
        "--serving-port",
        str(shared_monitor.serving_port),
        stderr=asyncio.subprocess.PIPE,
    )
    _, said = await run.communicate()
    lines = [json.loads(line) for line in said.splitlines()]
    assert run.returncode == 1
    assert "can't serve" in lines[-1]["message"]
