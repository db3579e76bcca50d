"""Measures the monitor, nginx and KServe's agent in turns; exit 1 when a figure is beyond its limit."""

import argparse
import os
import sys
import tempfile
from pathlib import Path

from rich.console import Console
from rich.table import Table

from bench.monitor import limits, measure, proxies
from dev import installed
from dev.cluster import packages, programs
from dev.cluster.errors import ClusterError


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench.monitor", description=__doc__)
    parser.add_argument("--rounds", type=int, default=5, help="turns of each proxy (default 5)")
    parser.add_argument(
        "--only",
        nargs="+",
        choices=list(proxies.COMMANDS),
        default=list(proxies.COMMANDS),
        help="some of the proxies; the monitor is always one",
    )
    return parser.parse_args()


def _measured(names: list[str], rounds: int, folder: Path) -> dict[str, list[measure.Turn]]:
    turns: dict[str, list[measure.Turn]] = {name: [] for name in names}
    plan = measure.Plan()
    with proxies.bare(folder) as server:
        for number in range(rounds):
            for name in names:
                place = folder / f"{number}-{name.replace(' ', '-')}"
                with proxies.run(name, server.port, place) as proxy:
                    turns[name].append(measure.turn(server, proxy, place, plan))
                print(f"round {number + 1}, {name}: {turns[name][-1]}", file=sys.stderr)
    return turns


def _table(measured: dict[str, measure.Turn]) -> Table:
    table = Table(title="added to a bare server on loopback; medians of rounds")
    for column in ("", "added us", "asleep, us", "1 MB, us", "chunk us", "requests/s core", "ours is", "MiB"):
        table.add_column(column, justify="right")
    for name, turn in measured.items():
        table.add_row(
            name,
            f"{turn.added_us:.0f}",
            f"{turn.added_asleep_us:.0f}",
            f"{turn.added_large_us:.0f}",
            f"{turn.added_chunk_us:.0f}",
            f"{turn.requests_per_core_second:,.0f}",
            f"{limits.ratio(measured, name):.2f} x",
            f"{turn.pss_mib:.0f}",
        )
    return table


def main() -> int:
    """Measure; return the exit code."""
    arguments = _arguments()
    names = [name for name in proxies.COMMANDS if name in {proxies.OURS, *arguments.only}]
    try:
        packages.ensure(packages.PROXY_COMMANDS)
        if {proxies.AGENT, proxies.AGENT_LOGGING} & set(names):
            programs.find_all(["agent"])
    except ClusterError as error:
        sys.stderr.write(f"error: {error}\n")
        return 1
    with tempfile.TemporaryDirectory(prefix="modelward-bench-") as made:
        turns = _measured(names, arguments.rounds, Path(made))
    measured = {name: measure.summary(of_proxy) for name, of_proxy in turns.items()}
    Console(width=112).print(_table(measured))
    print(f"the monitor's interpreter: {installed.interpreter()}")
    print(f"load of the machine at the end: {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores")
    beyond = limits.exceeded(measured)
    for line in beyond:
        print(f"beyond the limit: {line}", file=sys.stderr)
    return 1 if beyond else 0


if __name__ == "__main__":
    sys.exit(main())
