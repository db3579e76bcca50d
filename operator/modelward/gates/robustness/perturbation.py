"""The smallest change that flips a prediction, found through the endpoint by HopSkipJump.

HopSkipJump (Chen, Jordan & Wainwright 2020, in the Adversarial Robustness Toolbox) needs decisions only. It
works in units of spread, so that all features count alike, and begins each search at the nearest row of the
data that the model decides otherwise, so that it has a flip to shorten. What it ends with is moved back
towards the row as far as the flip lasts.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np
import numpy.typing as npt
from art.attacks.evasion import HopSkipJump
from art.estimators.classification import BlackBoxClassifier

from modelward.api.gateverdict import ErrorReason
from modelward.api.robustness import Perturbation
from modelward.gates.dataset import Floats
from modelward.gates.failure import GateError
from modelward.gates.figures import CANDIDATE, LIMIT, STABLE, Plot, figure, legend
from modelward.gates.findings import Findings
from modelward.gates.subject import Asked, Subject

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_BISECTIONS: Final = 12
"""The size is known to 1/4096."""
_EVALUATIONS: Final = 40
"""Of the gradient's direction, in the first iteration; it grows with the root of their number."""
_POOL: Final = 5000
"""Rows among which a beginning is looked for."""
_NEAREST: Final = 20


@dataclass(frozen=True, slots=True)
class Space:
    """Rows in units of spread. Constants and text have no spread, and stay as they are."""

    centre: Floats
    spreads: Floats

    @property
    def movable(self) -> npt.NDArray[np.bool_]:
        """Which features have a spread, shape (features,)."""
        return np.asarray(self.spreads > 0)

    @property
    def units(self) -> Floats:
        """What is one in scaled rows, shape (features,): a spread, or 1 where there is none."""
        return np.where(self.movable, self.spreads, 1.0)

    def scaled(self, rows: Floats) -> Floats:
        """Return rows in spreads from the median, float32 as the toolbox has it."""
        return np.asarray((rows - self.centre) / self.units, dtype=np.float32)

    def rows(self, scaled: Floats) -> Floats:
        """Return the rows of `scaled`."""
        return np.asarray(scaled, dtype=np.float64) * self.units + self.centre


def check(findings: Findings, gate: Perturbation, subject: Subject) -> None:
    """Add the median of the smallest changes. Raises GateError."""
    candidate = sizes(gate, subject, subject.candidate)
    median = float(np.median(candidate))
    findings.at_least(
        "median smallest change that flips a prediction",
        median,
        gate.min_median,
        message=f"in spreads, of {len(candidate)} rows; from {candidate.min():.3g} to {candidate.max():.3g}",
    )
    stable = None
    if gate.min_ratio_to_stable is not None:
        stable = sizes(gate, subject, subject.needed_stable("perturbation.minRatioToStable"))
        beside = float(np.median(stable))
        findings.at_least(
            "ratio of that change to stable's",
            median / beside,
            gate.min_ratio_to_stable,
            message=f"{median:.3g} beside {beside:.3g} of stable's",
        )
    findings.figures.append(_drawn(candidate, stable, float(gate.min_median)))


def sizes(gate: Perturbation, subject: Subject, asked: Asked) -> Floats:
    """Return the Euclidean norm, in spreads, of the smallest change found for each row.

    Raises:
        GateError: the model does not answer, or no change of numbers flips more than half of the rows.
    """
    space = Space(subject.data.medians, subject.data.spreads)
    pool = subject.draw(_POOL)
    tried = subject.generator("attacked rows").permutation(pool)[: gate.rows]
    model = _Decisions(asked, space)
    rows, others = space.scaled(subject.data.rows[tried]), space.scaled(subject.data.rows[pool])
    begun = _beginnings(model, rows, others, space.movable)
    found = np.isfinite(begun).all(axis=1)
    if 2 * found.sum() <= len(rows):  # of whose sizes the median would be infinite
        message = (
            f"no change of numbers flips {len(rows) - int(found.sum())} of {len(rows)} rows: "
            "leave out perturbation, or give validation data that the model does not decide all alike"
        )
        raise GateError(ErrorReason.INVALID_DATA, message)
    bounds = (float(others.min()), float(others.max()))
    np.random.seed(subject.seed)  # noqa: NPY002 - the toolbox draws from the global generator
    ended = _hop_skip_jump(gate, model, rows[found], begun[found], bounds)
    shortest = np.full(len(rows), np.inf)
    shortest[found] = _shortest(model, rows[found], ended)
    return shortest


@dataclass(frozen=True, slots=True)
class _Decisions:
    """What a model decides for scaled rows, as the toolbox asks for it."""

    asked: Asked
    space: Space

    def decide(self, scaled: Floats) -> Floats:
        """Return the position of the class of each row."""
        return self.asked.model.predict(self.space.rows(scaled)).decided

    def one_hot(self, scaled: Floats) -> Floats:
        """Return 1 for the class of each row, 0 for others."""
        return np.asarray(np.eye(self.width, dtype=np.float32)[self.decide(scaled).astype(np.int64)])

    @property
    def width(self) -> int:
        """Number of classes, and one for any other."""
        return len(self.asked.model.classes) + 1


def _beginnings(model: _Decisions, rows: Floats, others: Floats, movable: npt.NDArray[np.bool_]) -> Floats:
    """Return for each row the nearest other whose numbers in its place flip it; NaN where none does."""
    decided, decided_others = model.decide(rows), model.decide(others)
    begun: Floats = np.full(rows.shape, np.nan)
    for position, row in enumerate(rows):
        unlike = others[decided_others != decided[position]]
        distances = np.linalg.norm((unlike - row)[:, movable], axis=1)
        nearest = unlike[np.argsort(distances, kind="stable")[:_NEAREST]]
        if not len(nearest):
            continue
        moved = np.where(movable, nearest, row)
        flipping = np.flatnonzero(model.decide(moved) != decided[position])
        if len(flipping):
            begun[position] = moved[flipping[0]]
    return begun


def _hop_skip_jump(
    gate: Perturbation, model: _Decisions, rows: Floats, begun: Floats, bounds: tuple[float, float]
) -> Floats:
    """Return what the attack ends with for each row."""
    classifier = BlackBoxClassifier(model.one_hot, (rows.shape[1],), model.width, clip_values=bounds)
    attack = HopSkipJump(
        classifier,
        norm=2,
        max_iter=gate.iterations,
        init_eval=_EVALUATIONS,
        max_eval=_EVALUATIONS * 10,
        batch_size=10_000,
        verbose=False,
    )
    mask = model.space.movable.astype(np.float32)
    return np.asarray(attack.generate(rows, x_adv_init=begun.copy(), mask=mask))


def _shortest(model: _Decisions, rows: Floats, ended: Floats) -> Floats:
    """Move each end back towards its row as far as the flip lasts; return how far it is from the row."""
    decided = model.decide(rows)
    unflipped, flipped = np.zeros(len(rows)), np.ones(len(rows))
    for _ in range(_BISECTIONS):
        middle = (unflipped + flipped) / 2
        flips = model.decide(rows + middle[:, None] * (ended - rows)) != decided
        flipped = np.where(flips, middle, flipped)
        unflipped = np.where(flips, unflipped, middle)
    return np.asarray(flipped * np.linalg.norm((ended - rows).astype(np.float64), axis=1))


def _drawn(candidate: Floats, stable: Floats | None, limit: float) -> Plot:
    """Share of rows that a change of each size can flip."""
    lines = [("candidate", candidate, CANDIDATE, "-")]
    if stable is not None:
        lines.append(("stable", stable, STABLE, "--"))
    rows = [
        (label, *(f"{value:.3g}" for value in np.quantile(found, [0.1, 0.5, 0.9], method="lower")))
        for label, found, _, _ in lines
    ]

    def draw(axes: "Axes") -> None:
        for label, found, color, style in lines:
            ordered = np.sort(found[np.isfinite(found)])
            shares = np.arange(1, len(ordered) + 1) / len(found)
            axes.step(ordered, shares, style, where="post", color=color, label=label)
        axes.axvline(limit, color=LIMIT, label="smallest median allowed")
        axes.axhline(0.5, color="#777777", linewidth=0.8)
        axes.set_xlabel("size of the change, in spreads")
        axes.set_ylabel("share of rows that it flips")
        legend(axes)

    header = ("model", "10th percentile", "median", "90th percentile")
    median = np.median(candidate)
    alt = f"Smallest changes that flip a prediction, of {len(candidate)} rows; their median is {median:.3g}."
    return figure("Smallest change that flips a prediction", alt, (header, rows), 3.2, draw)
