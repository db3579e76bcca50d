"""Run the demonstration: `make demo-gates`, or `python -m dev.demo.gates` on a cluster."""

import sys
from collections import Counter
from typing import Final

from rich.console import Console
from rich.text import Text

from dev.cluster.errors import ClusterError
from dev.demo.cluster import DemoError, this_cluster
from dev.demo.gates.story import NAME, Story
from dev.demo.record import Traffic
from dev.demo.screen import Screen
from dev.demo.stage import SYSTEM, Stage
from dev.demo.steps import table
from modelward.cli.failure import CommandError

NAMESPACE: Final = "gates"
SERVED: Final = frozenset({"good", "tuned"})
"""Models that were to answer anything."""
_WIDE: Final = 170
"""Columns of what is printed for good; a narrower terminal breaks the lines."""


def main() -> int:
    """Run the story; return 1 if anything is not as expected."""
    console = Console(width=None if sys.stdout.isatty() else _WIDE, highlight=False)
    story: Story | None = None
    difference = ""
    try:
        screen = Screen(console)
        stage = Stage(this_cluster(), NAMESPACE, screen)
        with screen:
            stage.clear()
            stage.install_operator()
            story = Story(stage)
            story.prepare()
            story.run()
            difference = differences(stage.end_replay())
    except (DemoError, ClusterError, CommandError) as error:
        difference = str(error)
    except KeyboardInterrupt:
        return 130
    if story is not None:
        console.print(table(story.steps), width=_WIDE)
        console.print(f"\nreports and pages: {story.folder}")
    if difference:
        console.print(Text(f"\nnot as expected: {difference}", "bold red"))
    else:
        console.print(Text("\nEverything happened as expected.", "bold green"))
    console.print(
        f"\nkubectl modelward review {NAME} -n {NAMESPACE}\nkubectl logs -n {SYSTEM} deploy/modelward"
    )
    console.print("make down   # removes the cluster and all that it made")
    return 1 if difference else 0


def differences(traffic: Traffic) -> str:
    """Say what was not to be in the record of the traffic: a failed request, or an answer of a bad model."""
    failed = [answer for answer in traffic.answers if answer.failed]
    if failed:
        return f"{len(failed)} requests failed, the first with {failed[0].error}"
    unasked = Counter(answer.version for answer in traffic.answers if answer.version not in SERVED)
    return f"models that were rejected answered requests: {dict(unasked)}" if unasked else ""


if __name__ == "__main__":
    sys.exit(main())
