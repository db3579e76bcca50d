"""Run the demonstration: `make demo-infrastructure`, or `python -m dev.demo.infrastructure` on a cluster."""

import sys
from typing import Final

from rich.console import Console
from rich.text import Text

from dev.cluster.errors import ClusterError
from dev.demo.cluster import DemoError, this_cluster
from dev.demo.infrastructure.story import AS_ON_A_QUIET_MACHINE, BENCH, Story
from dev.demo.screen import Screen
from dev.demo.slow_store import SlowStore
from dev.demo.stage import EXAMPLE, SYSTEM, Stage
from dev.demo.steps import table
from modelward.cli.failure import CommandError

NAMESPACE: Final = "features"
_WIDE: Final = 170
"""Columns of what is printed for good; a narrower terminal breaks the lines."""


def main() -> int:
    """Run the story; return 1 if anything is not as expected."""
    console = Console(width=None if sys.stdout.isatty() else _WIDE, highlight=False)
    story: Story | None = None
    difference = ""
    try:
        screen = Screen(console)
        stage = Stage(this_cluster("operator", "monitor", "mlserver"), NAMESPACE, screen)
        with screen:
            story = Story(stage, SlowStore(stage), AS_ON_A_QUIET_MACHINE)
            prepare(story)
            story.run()
            failed = [
                answer for answer in stage.end_replay().answers if answer.failed and answer.version != "3"
            ]
        if failed:
            difference = f"{len(failed)} requests of good versions failed, the first with {failed[0].error}"
    except (DemoError, ClusterError, CommandError) as error:
        difference = str(error)
    except KeyboardInterrupt:
        return 130
    console.print(table(story.steps if story else []), width=_WIDE)
    if difference:
        console.print(Text(f"\nnot as expected: {difference}", "bold red"))
    else:
        console.print(Text("\nEverything happened as expected.", "bold green"))
    console.print(
        f"\nkubectl modelward explain features -n {NAMESPACE}\nkubectl logs -n {SYSTEM} deploy/modelward"
    )
    console.print("make down   # removes the cluster and all that it made")
    return 1 if difference else 0


def prepare(story: Story) -> None:
    """Install the operator, and put the server and the object that it reads into S3."""
    stage = story.stage
    stage.clear()
    stage.install_operator()
    stage.provide_files("electricity-files", EXAMPLE)
    stage.provide_files("bench-files", BENCH)
    story.store.furnish()
    stage.run_job(BENCH / "upload.yaml")


if __name__ == "__main__":
    sys.exit(main())
