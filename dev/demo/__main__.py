"""Run the demonstration: `make demo`, or `python -m dev.demo` when the cluster is up."""

import sys
import time
from typing import Final

from rich.console import Console
from rich.text import Text

from dev.cluster import current, layout
from dev.cluster.errors import ClusterError
from dev.demo import traces
from dev.demo.cluster import DemoError, this_cluster
from dev.demo.expectations import differences, rate
from dev.demo.record import Traffic
from dev.demo.screen import Screen, timeline_table
from dev.demo.stage import SYSTEM, Stage
from dev.demo.story import NAME, NAMESPACE, PROMISES, VERSIONS, Story
from dev.demo.timeline import timeline
from dev.demo.watchers import StatusWatcher
from modelward.cli.failure import CommandError

AFTERWARDS_SECONDS: Final = 10.0
"""Traffic goes on for this long after the last decision, so that its effect is in the record."""
_WIDE: Final = 170
"""Columns of what is printed for good; a narrower terminal breaks the lines."""


def main() -> int:
    """Run every chapter; return 1 if anything is not as promised."""
    console = Console(width=None if sys.stdout.isatty() else _WIDE, highlight=False)
    try:
        screen = Screen(console)
        story = Story(Stage(this_cluster("operator", "monitor", "mlserver"), NAMESPACE, screen))
        with screen:
            story.prepare()
            status = story.serve()
            for version in list(VERSIONS)[1:]:
                story.ship(version, status)
            time.sleep(AFTERWARDS_SECONDS)
            traffic = story.end()
    except (DemoError, ClusterError, CommandError) as error:
        console.print(Text(f"error: {error}", "bold red"))
        console.print(_where_to_look())
        return 1
    except KeyboardInterrupt:
        return 130
    return _conclude(console, story, status, traffic)


def _conclude(console: Console, story: Story, status: StatusWatcher, traffic: Traffic) -> int:
    rows = timeline(story.shipments, traffic, status.sightings())
    console.print(Text("\nTimeline (seconds since the version's first request)\n", "bold"))
    console.print(timeline_table(rows), width=_WIDE, crop=False, no_wrap=True)
    answers = len(traffic.answers)
    failed = sum(answer.failed for answer in traffic.answers)
    announced = sum(opening.because == "announced" for opening in traffic.openings)
    sent = sum(batch.sent for batch in traffic.labels)
    console.print(
        f"\n{answers:,} requests at {rate(traffic):.1f} a second, {failed} failed; {sent:,} labels sent; "
        f"8 connections, reopened {announced} times when the server asked for it\n"
    )
    if slow := traces.slowest(story.stage.cluster, NAME):
        console.print(Text(f"The slowest request's trace, {slow[0]}\n", "bold"))
        console.print(traces.table(slow[1]))
    found = differences(rows, PROMISES, traffic)
    for difference in found:
        console.print(Text(f"not as promised: {difference}", "bold red"))
    if not found:
        console.print(Text("Everything happened as promised.", "bold green"))
    console.print(_where_to_look())
    return 1 if found else 0


def _where_to_look() -> Text:
    export = "" if current.chosen() else f"export KUBECONFIG={layout.of_checkout().kubeconfig}\n"
    return Text(
        f"\nTo look around:\n{export}"
        f"kubectl modelward explain {NAME} -n {NAMESPACE}\n"
        f"kubectl logs -n {SYSTEM} deploy/modelward\n"
        f"{traces.SEE}   # traces, at http://localhost:16686\n"
        "kubectl port-forward -n monitoring svc/prometheus 9090, and then\n"
        f"modelward dashboard {NAMESPACE}/{NAME} --prometheus http://localhost:9090 --out page.html\n"
        "make down   # removes the cluster and all that it made"
    )


if __name__ == "__main__":
    sys.exit(main())
