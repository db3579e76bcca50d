"""Run the demonstration: `make demo`, or `python -m dev.demo` when the cluster is up."""

import sys
import time

from rich.console import Console
from rich.text import Text

from dev.cluster.errors import ClusterError
from dev.demo.cluster import DemoError, this_cluster
from dev.demo.expectations import differences, rate
from dev.demo.record import Traffic
from dev.demo.screen import Screen, timeline_table
from dev.demo.stage import Stage
from dev.demo.story import NAMESPACE, PROMISES, VERSIONS, Story
from dev.demo.timeline import timeline
from dev.demo.watchers import StatusWatcher
from modelward.cli.failure import CommandError

AFTERWARDS_SECONDS = 10.0
"""Traffic goes on for this long after the last decision, so that its effect is in the record."""


def main() -> int:
    """Run every chapter; return 1 if anything is not as promised."""
    console = Console(width=None if sys.stdout.isatty() else 170, highlight=False)
    try:
        screen = Screen(console)
        story = Story(Stage(this_cluster(), NAMESPACE, screen))
        with screen:
            story.prepare()
            status = story.serve()
            for version in list(VERSIONS)[1:]:
                story.ship(version, status)
            time.sleep(AFTERWARDS_SECONDS)
            traffic = story.end()
    except (DemoError, ClusterError, CommandError) as error:
        console.print(Text(f"error: {error}", "bold red"))
        return 1
    return _conclude(console, story, status, traffic)


def _conclude(console: Console, story: Story, status: StatusWatcher, traffic: Traffic) -> int:
    rows = timeline(story.shipments, traffic, status.sightings())
    console.print(Text("\nTimeline (seconds since the version's first request)\n", "bold"))
    console.print(timeline_table(rows))
    answers = len(traffic.answers)
    failed = sum(answer.failed for answer in traffic.answers)
    announced = sum(opening.because == "announced" for opening in traffic.openings)
    sent = sum(batch.sent for batch in traffic.labels)
    console.print(
        f"\n{answers:,} requests at {rate(traffic):.1f} a second, {failed} failed; {sent:,} labels sent; "
        f"8 connections, reopened {announced} times when the server asked for it\n"
    )
    found = differences(rows, PROMISES, traffic)
    for difference in found:
        console.print(Text(f"not as promised: {difference}", "bold red"))
    if not found:
        console.print(Text("Everything happened as promised.", "bold green"))
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
