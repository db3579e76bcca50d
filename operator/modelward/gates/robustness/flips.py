"""Share of predictions that flip when rows are changed, of the candidate and beside stable."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from decimal import Decimal

import numpy as np

from modelward.api.gateverdict import ErrorReason
from modelward.api.robustness import Robustness
from modelward.gates.dataset import Integers
from modelward.gates.failure import GateError
from modelward.gates.figures import STABLE, Bars, Plot, bars
from modelward.gates.findings import Findings
from modelward.gates.robustness.agreement import flipped, largest_difference
from modelward.gates.robustness.changes import Trial, trials
from modelward.gates.subject import Asked, Subject


@dataclass(frozen=True, slots=True)
class Flips:
    """The largest share of predictions that a trial flips, and by which feature ("" for all at once)."""

    share: float
    feature: str


@dataclass(slots=True)
class Tally:
    """Shares of each trial, for the figure."""

    names: list[str] = field(default_factory=list)
    candidate: list[float] = field(default_factory=list)
    stable: list[float] = field(default_factory=list)
    limits: list[float] = field(default_factory=list)


def check(findings: Findings, gate: Robustness, subject: Subject) -> None:
    """Add the flips of every trial. Raises GateError."""
    rows = subject.draw(gate.rows)
    largest = largest_difference(subject.data, gate.tolerance)
    tally = Tally()
    for trial in trials(gate, subject.data):
        if not trial.changes:
            message = f"robustness: {trial.name}: no feature is a number that varies, so none can be moved"
            raise GateError(ErrorReason.INVALID_DATA, message)
        found = _worst(trial, subject, subject.candidate, rows, largest)
        beside = None if subject.stable is None else _worst(trial, subject, subject.stable, rows, largest)
        add(findings, subject, trial.name, (trial.max_flips, trial.max_above_stable), (found, beside))
        tally.names.append(trial.name)
        tally.candidate.append(found.share)
        tally.stable += [] if beside is None else [beside.share]
        tally.limits.append(float(trial.max_flips))
    if tally.names:
        findings.figures.append(_drawn(tally))


def add(
    findings: Findings,
    subject: Subject,
    name: str,
    limits: tuple[Decimal, Decimal | None],
    found: tuple[Flips, Flips | None],
) -> None:
    """Add what a trial flips of the candidate, and by how much that is above stable's.

    Args:
        findings: to which it is added.
        subject: what is judged.
        name: of the trial.
        limits: largest share, and largest number of points above stable's.
        found: of the candidate and of stable.

    Raises:
        GateError: it is to be compared with stable, which is not given.
    """
    (limit, above), (candidate, stable) = limits, found
    findings.at_most(f"flips under {name}", candidate.share, limit, subject=candidate.feature)
    if above is None:
        return
    subject.needed_stable("maxFlipsAboveStable")
    if stable is not None:
        difference = candidate.share - stable.share
        message = f"{candidate.share:.2%} beside {stable.share:.2%} of stable's"
        findings.at_most(f"flips under {name} above stable's", difference, above, message=message)


def _worst(trial: Trial, subject: Subject, asked: Asked, rows: Integers, largest: float) -> Flips:
    before = asked.predictions.decided[rows]
    shares: list[tuple[str, float]] = []
    for feature, change in trial.changes:
        # The same draws for every trial and model: what differs is the model.
        changed = change(subject.data.rows[rows], subject.generator("changes"))
        after = asked.model.predict(changed).decided
        shares.append((feature, float(flipped(asked.model, before, after, largest).mean())))
    feature, share = max(shares, key=lambda pair: pair[1])
    return Flips(share, feature)


def _drawn(tally: Tally) -> Plot:
    series: Sequence[Bars] = [Bars("candidate", tally.candidate)]
    if tally.stable:
        series = [*series, Bars("stable", tally.stable, STABLE)]
    worst = tally.names[int(np.argmax(tally.candidate))]
    alt = f"Share of predictions that flip under each change; most under {worst}."
    return bars("Flipped predictions", alt, tally.names, series, tally.limits)
