"""How often the cause is right: incidents of known cause against what the shipping decisions make of them."""

import multiprocessing
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from bench.simulate.incident import Fault, Incident, Place, Setting, incidents
from bench.simulate.served import NEWER, Served
from modelward.api.status import Cause

SEED: Final = 20_240_502
INCIDENT_BLOCKS: Final = 252
"""How long an incident is lived through: 20 minutes, and the pause before its onset."""
LEAST_RIGHT: Final = 0.95
MOST_GONE_BACK: Final = 0.01
"""Of the incidents in which going back does not help because storage or the inputs are at fault."""
_NO_HELP: Final = frozenset({Cause.INFRASTRUCTURE, Cause.DRIFT})
_NAMES: Final = (*(cause.value for cause in Cause), "none")


@dataclass(frozen=True, slots=True)
class Finding:
    """What was made of one incident.

    Args:
        incident: it.
        named: the cause of the rejection, else the last cause that status named; None: none.
        rejected: the revision that was rejected; empty: none.
        seconds: from the onset to the rejection, or until the cause was named; None: never.
    """

    incident: Incident
    named: Cause | None
    rejected: str
    seconds: int | None

    @property
    def gone_back(self) -> bool:
        """Whether a revision was rejected."""
        return bool(self.rejected)

    @property
    def is_right(self) -> bool:
        """Whether the bad revision went, or none did, and the cause is right."""
        bad = NEWER if self.incident.cause is Cause.MODEL else ""
        return self.named is self.incident.cause and self.rejected == bad


def live_through(base: Served, incident: Incident, rng: np.random.Generator) -> Finding:
    """Let one incident happen to a deployment."""
    served = base.fork(incident, rng)
    named: Cause | None = None
    seconds: int | None = None
    for _ in range(INCIDENT_BLOCKS):
        served.live()
        if served.status.rejected_revisions:
            rejected = served.status.rejected_revisions[0]
            return Finding(incident, rejected.cause, rejected.revision, served.time - served.onset)
        if served.status.cause and served.status.cause is not named:
            named, seconds = served.status.cause, served.time - served.onset
    return Finding(incident, named, "", seconds)


def findings_of(setting: Setting) -> list[Finding]:
    """What is made of every incident of one setting."""
    seed = [SEED, list(Place).index(setting.place), setting.requests_per_second, setting.repeat]
    base = Served(setting, np.random.default_rng(seed))
    base.reach()
    return [
        live_through(base, incident, np.random.default_rng([*seed, number]))
        for number, incident in enumerate(incidents(setting))
    ]


def simulate(settings: Iterable[Setting]) -> Iterator[list[Finding]]:
    """Yield the findings of each setting, in as many processes as there are cores."""
    with multiprocessing.Pool() as pool:
        yield from pool.imap_unordered(findings_of, settings)


@dataclass(frozen=True, slots=True)
class Matrix:
    """All findings, and the limits they are held to."""

    findings: Sequence[Finding]

    @property
    def right(self) -> float:
        """Share of incidents of which the cause is right, and what followed too."""
        return _share([finding.is_right for finding in self.findings])

    @property
    def gone_back(self) -> float:
        """Share of incidents of infrastructure and drift in which a revision was rejected all the same."""
        return _share([f.gone_back for f in self.findings if f.incident.cause in _NO_HELP])

    @property
    def is_within_limits(self) -> bool:
        """Whether both shares keep their limits."""
        return self.right >= LEAST_RIGHT and self.gone_back <= MOST_GONE_BACK

    @property
    def wrong(self) -> list[str]:
        """Each finding that is not right, in words."""
        return [_described(finding) for finding in self.findings if not finding.is_right]

    def rows(self) -> list[list[str]]:
        """The table, header first: true causes against those found, then the same by place and in all."""
        parts = {cause.value: [f for f in self.findings if f.incident.cause is cause] for cause in Cause}
        parts |= {
            place.value: [f for f in self.findings if f.incident.setting.place is place] for place in Place
        }
        parts["all"] = list(self.findings)
        header = ["cause", "incidents", *(f"found {name}" for name in _NAMES), "rejected", "right", "median"]
        return [header, *(_row(name, findings) for name, findings in parts.items())]

    def summary(self) -> str:
        """The two shares, with their limits."""
        return (
            f"{self.right:.1%} of {len(self.findings)} incidents right (at least {LEAST_RIGHT:.0%}); "
            f"a revision rejected in {self.gone_back:.1%} of those of infrastructure and drift "
            f"(at most {MOST_GONE_BACK:.0%})"
        )


def text(matrix: Matrix) -> str:
    """The table for a terminal."""
    rows = matrix.rows()
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    lines = [
        "  ".join(
            [
                row[0].ljust(widths[0]),
                *(cell.rjust(width) for cell, width in zip(row[1:], widths[1:], strict=True)),
            ]
        )
        for row in rows
    ]
    return "\n".join([*lines, "", *(f"wrong: {each}" for each in matrix.wrong), matrix.summary()])


def markdown(matrix: Matrix) -> str:
    """The table for the page."""
    header, *rows = matrix.rows()
    lines = ["| " + " | ".join(row) + " |" for row in [header, ["---"] * len(header), *rows]]
    return "\n".join([*lines, "", matrix.summary() + "."])


def _row(name: str, findings: Sequence[Finding]) -> list[str]:
    named = Counter(finding.named.value if finding.named else "none" for finding in findings)
    times = [finding.seconds for finding in findings if finding.seconds is not None]
    return [
        name,
        str(len(findings)),
        *(str(named[cause]) for cause in _NAMES),
        str(sum(finding.gone_back for finding in findings)),
        f"{_share([finding.is_right for finding in findings]):.1%}",
        f"{np.median(times):.0f} s" if times else "-",
    ]


def _share(found: Sequence[bool]) -> float:
    return sum(found) / len(found) if found else 0.0


def _described(finding: Finding) -> str:
    incident, setting = finding.incident, finding.incident.setting
    gone = f", {finding.rejected} rejected" if finding.gone_back else ""
    made = f"{finding.named.value if finding.named else 'nothing'}{gone}"
    spells = ", in spells" if incident.fault is Fault.SLOW_STORAGE and incident.comes_in_spells else ""
    when = f" after {finding.seconds} s" if finding.seconds is not None else ""
    return (
        f"{incident.fault.value} at {incident.severity:.0%} of {incident.objective}{spells}, "
        f"{setting.place.value}, {setting.requests_per_second} requests/s, repeat {setting.repeat}: "
        f"found {made}{when}"
    )
