"""How long a bad candidate goes on answering, and whether a short outage is forgiven, on a real cluster.

Runs of the first kind: 10 requests/s in total over 8 held-open keep-alive connections, a healthy candidate at
weight 50; then it answers half of its requests with errors. Measured is the time from its first bad answer
to the last request that it answers. Runs of the second kind: an outage of 10 s, on both arms of a split, on
the candidate alone in the middle of a step, and on a promoted revision whose predecessor is warm; none may
lead to a rollback.

Usage, with a cluster up: python -m bench.reaction [--runs 10]. Exit code 1 if the median is above 35 s or
an outage was not forgiven.
"""

import argparse
import itertools
import statistics
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import yaml
from rich.console import Console

from bench.measure import Reaction, reaction
from dev.cluster.errors import ClusterError
from dev.demo.cluster import DemoError, this_cluster
from dev.demo.screen import Screen
from dev.demo.stage import EXAMPLE, Stage, is_settled, serves
from dev.demo.timeline import REJECTIONS
from dev.demo.watchers import StatusWatcher
from modelward.api.status import ModelDeploymentStatus, Phase
from modelward.cli.failure import CommandError
from modelward.cli.resource import Deployment
from modelward.conventions import LABEL_REVISION

NAMESPACE: Final = "bench"
NAME: Final = "faulty"
FOLDER: Final = Path(__file__).parent
REPLAY_CHANGES: Final = {"http://electricity,": "http://faulty,", "--rate=22": "--rate=10"}
FAULT_SHARE: Final = 0.5
MEDIAN_LIMIT_SECONDS: Final = 35.0
HEALTHY_SECONDS: Final = 45.0
"""Of a split before something goes wrong: both arms have a record by then."""
BLIP_SECONDS: Final = 10.0
FORGIVEN_SECONDS: Final = 90.0
"""After an outage; a rollback that has not come by then does not come of it."""
WAIT_SECONDS: Final = 300.0


@dataclass(slots=True)
class Bench:
    """The deployment under test and the versions it has had."""

    stage: Stage
    status: StatusWatcher
    stable: str
    """Name of the stable revision."""
    versions: Iterator[int] = field(default_factory=lambda: itertools.count(2))

    def reaction(self) -> Reaction:
        """Run a candidate at weight 50, make it bad, and measure how long it goes on answering."""
        version, candidate = self.split()
        self.set_fault([candidate], FAULT_SHARE)
        self.stage.wait(self.status, is_rejected(candidate), WAIT_SECONDS, "the rejection")
        self.stage.wait(self.status, is_settled, WAIT_SECONDS, "all traffic to follow")
        return reaction(self.stage.read_replay().answers, version)

    def split(self) -> tuple[str, str]:
        """Bring a healthy candidate to weight 50; return its version and revision."""
        version = str(next(self.versions))
        candidate = self.stage.ship(manifest(version))
        self.stage.wait(self.status, is_stepping(candidate), WAIT_SECONDS, f"version {version} at weight 50")
        time.sleep(HEALTHY_SECONDS)
        return version, candidate

    def set_fault(self, revisions: Sequence[str], share: float) -> None:
        """Make a share of the predictions of these revisions' pods fail."""
        for revision in revisions:
            names = self.stage.kubectl("get", "pods", "-l", f"{LABEL_REVISION}={revision}", "-o", "name")
            for name in names.split():
                pod = f"/api/v1/namespaces/{NAMESPACE}/pods/{name.removeprefix('pod/')}:8080"
                self.stage.kubectl("get", "--raw", f"{pod}/proxy/fault?share={share}")

    def is_forgiven(self, what: str, revisions: Sequence[str]) -> bool:
        """Let these revisions fail every request for 10 s; return whether none was rejected for it."""
        self.set_fault(revisions, 1.0)
        time.sleep(BLIP_SECONDS)
        self.set_fault(revisions, 0.0)
        condemned = self.status.wait(
            lambda deployment: any(_is_rejected(deployment.status, each) for each in revisions),
            FORGIVEN_SECONDS,
        )
        outcome = "no rollback" if condemned is None else condemned.status.history[0].message
        self.stage.screen.say(f"10 s outage {what}: {outcome}")
        return condemned is None

    def give_up(self) -> None:
        """Abort the candidate, so that the stable revision serves alone."""
        self.stage.kubectl("annotate", "mdep", NAME, "--overwrite", f"modelward.dev/abort={time.time():.0f}")
        self.stage.wait(self.status, is_settled, WAIT_SECONDS, "the candidate to go")

    def promote(self) -> str:
        """Promote a new version through a short step; return its revision."""
        wanted = manifest(str(next(self.versions)))
        wanted["spec"]["rollout"]["steps"] = [{"weight": 50, "duration": "30s", "minRequests": 50}]
        revision = self.stage.ship(wanted)
        self.stage.wait(self.status, serves(revision), WAIT_SECONDS, "a promotion")
        self.stable = revision
        return revision


def manifest(version: str) -> dict[str, Any]:
    """Return the deployment with a version of the server."""
    document: dict[str, Any] = yaml.safe_load((FOLDER / "faulty.yaml").read_text())
    document["spec"]["server"]["template"]["spec"]["containers"][0]["env"] = [
        {"name": "VERSION", "value": version}
    ]
    return document


def is_stepping(revision: str) -> Callable[[Deployment], bool]:
    """Return the condition that a candidate has its share of the traffic."""
    return lambda deployment: (
        deployment.status.phase is Phase.STEPPING and deployment.status.candidate_revision == revision
    )


def is_rejected(revision: str) -> Callable[[Deployment], bool]:
    """Return the condition that a revision was rejected or rolled back."""
    return lambda deployment: _is_rejected(deployment.status, revision)


def _is_rejected(status: ModelDeploymentStatus, revision: str) -> bool:
    return any(each.revision == revision and each.action in REJECTIONS for each in status.history)


def begin(stage: Stage) -> Bench:
    """Install the operator, serve the first version, start the traffic."""
    stage.clear()
    stage.install_operator()
    stage.provide_files("electricity-files", EXAMPLE)
    stage.provide_files("bench-files", FOLDER)
    stage.provide_model_store()
    stage.run_job(FOLDER / "upload.yaml")
    stable = stage.ship(manifest("1"))
    status = stage.watch(NAME)
    stage.wait(status, serves(stable), WAIT_SECONDS, "the first version")
    stage.start_replay(REPLAY_CHANGES)
    time.sleep(HEALTHY_SECONDS)
    return Bench(stage, status, stable)


def report(reactions: Sequence[Reaction], screen: Screen) -> bool:
    """Print the measurements; return whether the median is within its limit."""
    seconds = sorted(each.seconds for each in reactions)
    middle = statistics.median(seconds)
    screen.say(
        f"first bad answer to last answer: median {middle:.1f} s, worst {seconds[-1]:.1f} s, "
        f"all {', '.join(f'{each:.1f}' for each in seconds)}; "
        f"other failed requests: {sum(each.other_failures for each in reactions)}"
    )
    return middle <= MEDIAN_LIMIT_SECONDS


def blips(bench: Bench) -> bool:
    """Run the three outages; return whether all were forgiven."""
    _, candidate = bench.split()
    both = bench.is_forgiven("of both arms", [bench.stable, candidate])
    alone = bench.is_forgiven("of the candidate alone in the middle of a step", [candidate])
    bench.give_up()
    promoted = bench.promote()
    time.sleep(HEALTHY_SECONDS)
    after = bench.is_forgiven("of a promoted revision", [promoted])
    return both and alone and after


def main() -> int:
    """Run everything; return 1 if a limit is not met."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=10, help="reactions to measure")
    runs: int = parser.parse_args().runs
    screen = Screen(Console(width=170, force_terminal=False, highlight=False))
    try:
        bench = begin(Stage(this_cluster(), NAMESPACE, screen))
        reactions: list[Reaction] = []
        for number in range(1, runs + 1):
            reactions.append(bench.reaction())
            screen.say(f"run {number} of {runs}: {reactions[-1].seconds:.1f} s")
        is_quick = report(reactions, screen) if reactions else True
        is_forgiving = blips(bench)
        bench.stage.end_replay()
    except (DemoError, ClusterError, CommandError) as error:
        screen.say(f"error: {error}")
        return 1
    return 0 if is_quick and is_forgiving else 1


if __name__ == "__main__":
    sys.exit(main())
