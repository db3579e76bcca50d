"""Measures a pod's monitor and collector: CPU, memory, losses; exit 1 where memory grows or a request fails.

At each rate CPU is of the whole time, memory of its end. Then comes the long run, `--soak-minutes` at
`--soak-rate`: anonymous memory is read every few seconds, and the last third is held against the first.
"""

import argparse
import asyncio
import json
import os
import statistics
import sys
import tempfile
import time
from collections import Counter
from dataclasses import asdict, dataclass
from http import HTTPStatus
from pathlib import Path
from typing import Final

from rich.console import Console
from rich.table import Table

from bench.monitor import usage
from bench.sidecars import load
from bench.sidecars.pod import Pod, running
from dev.cluster import programs

MEMORY_EVERY_SECONDS: Final = 5.0
MAX_GROWTH: Final = 0.05
"""Of the mean memory of the last third over that of the first."""
_WARM_UP_SECONDS: Final = 20.0


@dataclass(frozen=True, slots=True)
class Used:
    """What the two processes used at one rate."""

    requests_per_second: int
    answered: int
    failed: int
    monitor_millicores: float
    monitor_mib: float
    collector_millicores: float
    collector_mib: float
    losses: dict[str, float]
    """What was dropped meanwhile, by the name of the counter; and scrapes that were answered 503."""


@dataclass(frozen=True, slots=True)
class Soak:
    """A long run: anonymous memory of the first third and of the last."""

    used: Used
    minutes: float
    monitor_first_mib: float
    monitor_last_mib: float
    collector_first_mib: float
    collector_last_mib: float

    @property
    def growth(self) -> dict[str, float]:
        """Share by which the memory of each has grown."""
        return {
            "monitor": self.monitor_last_mib / self.monitor_first_mib - 1,
            "collector": self.collector_last_mib / self.collector_first_mib - 1,
        }


async def _measure(pod: Pod, rate: int, seconds: float) -> tuple[Used, list[tuple[float, float]]]:
    """Load the pod; also gives the anonymous memory of monitor and collector, MiB, every few seconds."""
    pids = pod.monitor.pid, pod.collector.pid
    losses_before = await pod.losses()
    before, begun_s = [usage.of_tree(pid) for pid in pids], time.monotonic()
    scrapes: Counter[int] = Counter()
    beside = [asyncio.create_task(pod.serve_spans(rate)), asyncio.create_task(pod.scrape(scrapes))]
    sending = asyncio.create_task(load.send(pod.monitor.port, rate, seconds))
    memory = []
    while not (await asyncio.wait([sending], timeout=MEMORY_EVERY_SECONDS))[0]:
        memory.append((usage.of_tree(pids[0]).anonymous_mib, usage.of_tree(pids[1]).anonymous_mib))
    lasted_s = time.monotonic() - begun_s
    after = [usage.of_tree(pid) for pid in pids]
    for task in beside:
        task.cancel()
    await asyncio.gather(*beside, return_exceptions=True)
    sent, losses = sending.result(), await pod.losses()
    dropped = {name: value - losses_before[name] for name, value in losses.items()}
    millicores = [
        1000 * (end.cpu_seconds - begin.cpu_seconds) / lasted_s
        for begin, end in zip(before, after, strict=True)
    ]
    used = Used(
        requests_per_second=rate,
        answered=sent.answered,
        failed=sent.failed,
        monitor_millicores=millicores[0],
        monitor_mib=after[0].pss_mib,
        collector_millicores=millicores[1],
        collector_mib=after[1].pss_mib,
        losses={**dropped, "scrapes": scrapes.total() - scrapes[HTTPStatus.OK]},
    )
    return used, memory


def _soak(used: Used, memory: list[tuple[float, float]], minutes: float) -> Soak:
    third = max(1, len(memory) // 3)
    first, last = memory[:third], memory[-third:]
    return Soak(
        used=used,
        minutes=minutes,
        monitor_first_mib=statistics.fmean(each[0] for each in first),
        monitor_last_mib=statistics.fmean(each[0] for each in last),
        collector_first_mib=statistics.fmean(each[1] for each in first),
        collector_last_mib=statistics.fmean(each[1] for each in last),
    )


async def _run(arguments: argparse.Namespace) -> tuple[list[Used], Soak | None]:
    with tempfile.TemporaryDirectory(prefix="modelward-sidecars-") as made:
        async with running(Path(made)) as pod:
            await _measure(pod, max(*arguments.rates, 1), _WARM_UP_SECONDS)
            at_rates = [(await _measure(pod, rate, arguments.seconds))[0] for rate in arguments.rates]
            Console(stderr=True, width=120).print(_table(at_rates))
            if not arguments.soak_minutes:
                return at_rates, None
            minutes = arguments.soak_minutes
            return at_rates, _soak(*await _measure(pod, arguments.soak_rate, 60 * minutes), minutes)


def _table(measured: list[Used]) -> Table:
    table = Table(title="one pod's sidecars; CPU in thousandths of a core, memory in MiB")
    for column in ("requests/s", "answered", "monitor CPU", "MiB", "collector CPU", "MiB", "dropped"):
        table.add_column(column, justify="right")
    for used in measured:
        table.add_row(
            f"{used.requests_per_second:,}",
            f"{used.answered:,}",
            f"{used.monitor_millicores:.0f}",
            f"{used.monitor_mib:.0f}",
            f"{used.collector_millicores:.0f}",
            f"{used.collector_mib:.0f}",
            ", ".join(f"{name} {value:.0f}" for name, value in used.losses.items() if value) or "nothing",
        )
    return table


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench.sidecars", description=__doc__)
    parser.add_argument("--rates", type=int, nargs="+", default=[0, 100, 1000], help="requests a second")
    parser.add_argument("--seconds", type=float, default=60, help="how long each rate lasts (default 60)")
    parser.add_argument("--soak-minutes", type=float, default=30, help="the long run; 0: none (default 30)")
    parser.add_argument("--soak-rate", type=int, default=100, help="its requests a second (default 100)")
    parser.add_argument("--json", type=Path, help="write the figures to this file, too")
    return parser.parse_args()


def main() -> int:
    """Measure; return the exit code."""
    arguments = _arguments()
    programs.find_all(["otel-collector"])
    at_rates, soak = asyncio.run(_run(arguments))
    console = Console(width=120)
    console.print(_table([*at_rates, *([soak.used] if soak else [])]))
    failures = [f"{used.failed} requests failed" for used in at_rates if used.failed]
    if soak is not None:
        for name, growth in soak.growth.items():
            console.print(
                f"{soak.minutes:g} minutes: anonymous memory of the {name} has grown by {growth:.1%}"
            )
            if growth > MAX_GROWTH:
                failures.append(f"the {name}'s memory has grown by {growth:.1%}, at most {MAX_GROWTH:.0%}")
        if soak.used.failed:
            failures.append(f"{soak.used.failed} requests failed in the long run")
    console.print(f"load of the machine at the end: {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores")
    if arguments.json is not None:
        figures = {"rates": [asdict(used) for used in at_rates], "soak": asdict(soak) if soak else None}
        arguments.json.write_text(json.dumps(figures, indent=1) + "\n")
    for line in failures:
        print(f"beyond the limit: {line}", file=sys.stderr)
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
