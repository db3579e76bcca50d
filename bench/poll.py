"""Time and CPU of polling 1,000 deployments' counts from a real Prometheus.

Run with `python -m bench.poll`. Each deployment has two pods and three objectives: 36,000 series of events,
scraped every 5 s. Printed per poll of all deployments: wall time, CPU of this thread (the operator's part:
asking, parsing, sorting into blocks) and of Prometheus, and the wall time as a ratio to a plain
`count(modelward_objective_events_total)` in the same minute (the last column).
"""

import argparse
import asyncio
import itertools
import os
import statistics
import tempfile
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Final

import yaml

from dev.cluster import processes, programs
from dev.cluster.controlplane import free_ports
from modelward import conventions as names
from modelward.signals.answers import NoAnswerError
from modelward.signals.blocks import Subject
from modelward.signals.clients import Clients
from modelward.signals.counts import CountsPoller, Polled
from modelward.signals.key import Key
from modelward.signals.prometheus import Endpoint, Prometheus
from modelward.signals.telemetry import Telemetry

OBJECTIVES: Final = ("accuracy", "availability", "latency")
PODS: Final = 2
TARGETS: Final = 20
"""Scrape targets over which the deployments are spread, so that no single answer is large."""
BLOCK: Final = names.BLOCK_SECONDS
REPEATS: Final = 7


def keys(deployments: int) -> list[Key]:
    """Ten deployments a namespace."""
    return [Key(f"team-{number // 10}", f"model-{number}") for number in range(deployments)]


def exposition(part: list[Key], started_at: float) -> str:
    """What the pods of some deployments answer to a scrape; events rise with time."""
    events = int((time.time() - started_at) * 10)
    return "".join(
        itertools.chain.from_iterable(
            _pod(key, pod, started_at, events) for key in part for pod in range(PODS)
        )
    )


def _pod(key: Key, pod: int, started_at: float, events: int) -> Iterator[str]:
    revision = f"{key.name}-5d9c7b"
    whose = f'namespace="{key.namespace}",pod="{revision}-{pod}",endpoint="metrics"'
    counted = f'{whose},deployment="{key.name}",revision="{revision}"'
    yield f"{names.METRIC_PROCESS_START}{{{whose}}} {started_at}\n"
    yield f"{names.METRIC_REQUESTS}{{{counted}}} {events}\n"
    for objective, result, storage in itertools.product(
        OBJECTIVES, ("good", "bad"), ("fast", "slow", "unknown")
    ):
        labels = f'{counted},objective="{objective}",config="c1",result="{result}",storage="{storage}"'
        value = events if (result, storage) == ("good", "fast") else 0
        yield f"{names.METRIC_EVENTS}{{{labels}}} {value}\n"


def serve(deployments: int) -> ThreadingHTTPServer:
    """Answer scrapes of /0, /1, ... from threads of their own."""
    everyone, started_at = keys(deployments), time.time()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            body = exposition(everyone[int(self.path[1:]) :: TARGETS], started_at).encode()
            self.send_response(200)
            self.send_header("Content-Type", "text/plain; version=0.0.4")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - named by the base class
            """Keep quiet."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return server


def start_prometheus(folder: Path, port: int, target: str) -> int:
    """Start a Prometheus that scrapes every target; its process id."""
    config = {
        "global": {"scrape_interval": f"{BLOCK}s", "scrape_timeout": f"{BLOCK}s"},
        "scrape_configs": [
            {
                "job_name": "pods",
                "honor_labels": True,
                "static_configs": [
                    {
                        "targets": [target],
                        "labels": {"__metrics_path__": f"/{number}", "instance": str(number)},
                    }
                    for number in range(TARGETS)
                ],
            }
        ],
    }
    (folder / "prometheus.yml").write_text(yaml.safe_dump(config))
    command: list[str | Path] = [
        programs.find("prometheus"),
        f"--config.file={folder / 'prometheus.yml'}",
        f"--storage.tsdb.path={folder / 'data'}",
        f"--web.listen-address=127.0.0.1:{port}",
        "--log.level=warn",
    ]
    return processes.start(folder, "prometheus", processes.dying_with_parent(command))


def cpu_seconds(pid: int) -> float:
    """User and system time of a process so far."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True, slots=True)
class Cost:
    """What one thing took, in seconds."""

    wall: float
    own_cpu: float
    prometheus_cpu: float


class Meter:
    """Measures one thing at a time."""

    def __init__(self, pid: int) -> None:
        """Of this thread and that Prometheus."""
        self._pid = pid

    def read(self) -> Cost:
        """Where the clocks stand."""
        return Cost(time.perf_counter(), time.thread_time(), cpu_seconds(self._pid))

    def since(self, before: Cost) -> Cost:
        """What was used since an earlier reading."""
        now = self.read()
        return Cost(
            now.wall - before.wall, now.own_cpu - before.own_cpu, now.prometheus_cpu - before.prometheus_cpu
        )


async def wait_for_series(prometheus: Prometheus, wanted: int, blocks: int) -> None:
    """Wait until Prometheus has every series at each of the last blocks."""
    query = f"min_over_time(count({names.METRIC_EVENTS})[{blocks * BLOCK}s:{BLOCK}s])"
    while True:
        try:
            found = await prometheus.instant(query, time.time())
        except NoAnswerError:
            found = ()
        if found and found[0].points[0][1] >= wanted:
            return
        await asyncio.sleep(1)


async def measure(endpoint: Endpoint, pid: int, deployments: int) -> None:
    """Print the cost of each kind of poll."""
    meter, everyone = Meter(pid), keys(deployments)
    configs = dict.fromkeys(OBJECTIVES, "c1")
    async with Clients(endpoint) as clients:
        prometheus = clients.of("")
        # Two blocks more than are asked for: they are settled, and the first has one before it.
        await wait_for_series(prometheus, deployments * PODS * len(OBJECTIVES) * 6, blocks=8)
        poller = CountsPoller(clients, Telemetry())
        plain = []
        for _ in range(REPEATS):
            before = meter.read()
            await prometheus.instant(f"count({names.METRIC_EVENTS})", time.time())
            plain.append(meter.since(before))
        report("plain count of all series", plain, plain)
        for blocks, what in (
            (1, "every block: 1 block by instant query"),
            (6, "settled: 6 blocks by range query"),
        ):
            costs = []
            for _ in range(REPEATS):
                now = time.time()
                after = poller.newest_block(now) - blocks * BLOCK
                found: dict[Key, Polled] = {}
                before = meter.read()
                await poller.poll([Subject(key, configs, after) for key in everyone], now, found.update)
                costs.append(meter.since(before))
                check(found, deployments, blocks)
            report(what, costs, plain)


def check(found: dict[Key, Polled], deployments: int, blocks: int) -> None:
    """Fail unless every block of every deployment was counted, so that the figures are of real answers."""
    counted = sum(
        value is not None
        for polled in found.values()
        for _, block in polled.blocks
        for value in block.values()
    )
    wanted = deployments * blocks * len(OBJECTIVES)
    if counted != wanted:
        msg = (
            f"{counted} of {wanted} blocks were counted; the machine is too busy to scrape in time, try again"
        )
        raise SystemExit(msg)


def report(what: str, costs: list[Cost], plain: list[Cost]) -> None:
    """Print medians."""
    wall, own, theirs = (
        statistics.median(getattr(cost, name) for cost in costs)
        for name in ("wall", "own_cpu", "prometheus_cpu")
    )
    ratio = wall / statistics.median(cost.wall for cost in plain)
    print(
        f"{what:38} {wall:7.3f} s wall  {own:7.3f} s CPU here  {theirs:7.3f} s CPU Prometheus  {ratio:5.1f}x"
    )


def main() -> None:
    """Run the measurement."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--deployments", type=int, default=1000)
    deployments = parser.parse_args().deployments
    server, (port,) = serve(deployments), free_ports(1)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        pid = start_prometheus(folder, port, f"127.0.0.1:{server.server_address[1]}")
        try:
            series = deployments * PODS * len(OBJECTIVES) * 6
            print(f"{deployments} deployments, {series} series of events; median of {REPEATS}", flush=True)
            asyncio.run(measure(Endpoint(f"http://127.0.0.1:{port}", timeout_seconds=60), pid, deployments))
        finally:
            processes.stop(folder, "prometheus", grace_seconds=10)
            server.shutdown()


if __name__ == "__main__":
    main()
