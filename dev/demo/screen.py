"""What the demonstration shows: the live table on a terminal, a line for each change elsewhere."""

import threading
from collections import Counter, deque
from collections.abc import Sequence
from datetime import UTC, datetime
from types import TracebackType
from typing import Final, Self

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.table import Table
from rich.text import Text

from dev.demo.record import Answer
from dev.demo.timeline import Row
from modelward.cli import status_view
from modelward.cli.resource import Deployment
from modelward.cli.wording import evidence_share, good_share

_WINDOW_SECONDS: Final = 10.0


class Screen:
    """Shows the latest state; fed from the threads that watch, drawn by rich's own."""

    def __init__(self, console: Console) -> None:
        """Prepare; nothing is drawn before the screen is entered."""
        self.console = console
        self._lock = threading.Lock()
        self._started = datetime.now(UTC)
        self._deployment: Deployment | None = None
        self._recent: deque[Answer] = deque()
        self._failed = 0
        self._told = ""
        self._live = Live(console=console, refresh_per_second=2, get_renderable=self._draw, transient=True)

    def __enter__(self) -> Self:
        """Start drawing, on a terminal."""
        if self.console.is_terminal:
            self._live.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop drawing."""
        self._live.stop()

    def say(self, text: str, style: str = "bold") -> None:
        """Print a line of the story, above the live table."""
        elapsed = (datetime.now(UTC) - self._started).total_seconds()
        self.console.print(Text.assemble((f"[{elapsed:5.0f} s] ", "dim"), (text, style)), soft_wrap=True)

    def answered(self, answer: Answer) -> None:
        """Take in one answer of the replay."""
        with self._lock:
            self._recent.append(answer)
            self._failed += answer.failed
            while self._recent[0].at < answer.at - _WINDOW_SECONDS:
                self._recent.popleft()

    def changed(self, deployment: Deployment) -> None:
        """Take in a new status; without a terminal, tell what changed."""
        with self._lock:
            self._deployment = deployment
        line = _in_one_line(deployment)
        if line != self._told:
            self._told = line
            if not self.console.is_terminal:
                self.say(line, "")

    def table(self) -> None:
        """Print the table as it is now, for good."""
        if self._deployment is not None:
            self.console.print(status_view.detail(self._deployment, datetime.now(UTC)), Text(), sep="\n")

    def _draw(self) -> RenderableType:
        with self._lock:
            parts: list[RenderableType] = [Text()]
            if self._deployment is not None:
                parts.append(status_view.detail(self._deployment, datetime.now(UTC)))
            if self._recent:
                parts += [Text(), _rates(self._recent, self._failed)]
        return Group(*parts)


def _in_one_line(deployment: Deployment) -> str:
    """Write phase, shares and, for a candidate, its objectives."""
    status = deployment.status
    shares = ", ".join(f"{deployment.short(each.revision)} {each.weight}%" for each in status.traffic)
    line = f"{status.phase}: {shares or 'no traffic yet'}"
    judged = [
        f"{each.name} {good_share(each)} good (evidence against {evidence_share(each):.0%})"
        for each in status.objectives
        if each.revision == status.candidate_revision and each.total
    ]
    return "; candidate: ".join([line, ", ".join(judged)]) if judged else line


def _rates(recent: Sequence[Answer], failed: int) -> Text:
    counts = Counter(answer.version or "?" for answer in recent)
    seconds = max(1.0, recent[-1].at - recent[0].at)
    rates = ", ".join(f"version {name} {count / seconds:.1f}/s" for name, count in sorted(counts.items()))
    return Text.assemble(
        ("answers: ", "dim"), rates, (f"   failed: {failed}", "bold red" if failed else "dim")
    )


def timeline_table(rows: Sequence[Row]) -> Table:
    """Return the timeline: a line for each version."""
    table = Table(box=None, pad_edge=False, padding=(0, 3, 0, 0), header_style="dim", title_justify="left")
    for column in (
        *(
            "VERSION",
            "REVISION",
            "WHAT IT IS",
            "FIRST TRAFFIC",
            "BREACH",
            "DECISION",
            "",
            "ALL TRAFFIC MOVED",
        ),
        "REQUESTS",
    ):
        table.add_column(column, no_wrap=True)
    for row in rows:
        decision = row.decision.action if row.decision else "none"
        table.add_row(
            row.shipment.version,
            row.shipment.revision,
            row.shipment.what,
            _clock(row.first_traffic),
            _after(row.breach, row.first_traffic),
            _after(row.decided_at, row.first_traffic),
            Text(decision, "green" if decision == "Promoted" else "red"),
            _after(row.settled, row.first_traffic),
            f"{row.requests:,}",
        )
    return table


def _clock(time: datetime | None) -> str:
    return f"{time:%H:%M:%S}" if time else "-"


def _after(time: datetime | None, first: datetime | None) -> str:
    """Write a time of day and the seconds since the version's first request."""
    if time is None:
        return "-"
    return f"{time:%H:%M:%S} ({(time - first).total_seconds():+.0f} s)" if first else f"{time:%H:%M:%S}"
