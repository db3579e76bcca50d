"""Runs the gate interpretability: importances and dependences, held against the team's limits."""

from typing import Final

import numpy as np
from scipy.stats import spearmanr

from modelward.api.gateverdict import ErrorReason
from modelward.api.inference import Answers
from modelward.api.interpretability import Interpretability
from modelward.gates import modelfile
from modelward.gates.endpoint.predictor import Predictor
from modelward.gates.failure import GateError
from modelward.gates.findings import Findings
from modelward.gates.interpretability import plots
from modelward.gates.interpretability.dependence import ROWS, along, grid
from modelward.gates.interpretability.importance import Importance, explained, of_trees, through_endpoint
from modelward.gates.interpretability.plots import Curves
from modelward.gates.modelfile import Kind
from modelward.gates.subject import Subject

_DRAWN: Final = 4
"""Features whose dependence is drawn, beside those of a known direction."""


def run(gate: Interpretability, subject: Subject) -> Findings:
    """Explain the candidate. Raises GateError."""
    for forbidden in gate.forbidden:
        _must_vary(subject, forbidden.feature, "forbidden")
    for monotone in gate.monotone:
        _must_vary(subject, monotone.feature, "monotone")
    findings = Findings()
    candidate, stable = _importances(gate, subject)
    _check_shares(findings, gate, subject, candidate)
    if gate.min_rank_correlation is not None and stable is not None:
        findings.at_least(
            "rank correlation of importances with stable's",
            _rank_correlation(candidate, stable),
            gate.min_rank_correlation,
        )
    directed = [_curves(subject, each.feature, each.label) for each in gate.monotone]
    for each, curves in zip(gate.monotone, directed, strict=True):
        findings.at_most(
            f"share of the way against {each.direction.lower()}",
            curves.candidate.violation(each.direction),
            each.max_violation,
            subject=each.feature,
        )
    findings.figures += plots.importances(subject.data.names, candidate, stable)
    findings.figures += plots.dependences([*directed, *_strongest(gate, subject, candidate)])
    return findings


def _importances(gate: Interpretability, subject: Subject) -> tuple[Importance, Importance | None]:
    """Of the candidate and of stable; by one method, so that they can be compared."""
    asked = explained(subject, gate)
    if gate.min_rank_correlation is not None:
        stable = subject.needed_stable("interpretability.minRankCorrelation")
        return through_endpoint(subject.candidate.model, asked), through_endpoint(stable.model, asked)
    exact = None
    if subject.model.is_given:
        file = modelfile.read(subject)
        if file.kind is Kind.JOBLIB:  # no other holds trees
            exact = of_trees(modelfile.load(subject, file), asked)
    candidate = through_endpoint(subject.candidate.model, asked) if exact is None else exact
    if subject.stable is None or exact is not None:
        return candidate, None
    return candidate, through_endpoint(subject.stable.model, asked)


def _check_shares(
    findings: Findings, gate: Interpretability, subject: Subject, candidate: Importance
) -> None:
    mattering = int(np.count_nonzero(candidate.shares))
    findings.at_least("features that matter", mattering, 1, message=candidate.method)
    for forbidden in gate.forbidden:
        position = subject.data.position(forbidden.feature, "interpretability.forbidden")
        share = float(candidate.shares[position])
        findings.at_most(
            "share of importance",
            share,
            forbidden.max_share,
            subject=forbidden.feature,
            message="must not matter",
        )
    for required in gate.required:
        position = subject.data.position(required.feature, "interpretability.required")
        share = float(candidate.shares[position])
        findings.at_least(
            "share of importance", share, required.min_share, subject=required.feature, message="must matter"
        )


def _rank_correlation(candidate: Importance, stable: Importance) -> float:
    """Spearman's; 0 where one of them has no order, as of a model that answers always the same."""
    if np.array_equal(candidate.shares, stable.shares):
        return 1.0 if candidate.shares.any() else 0.0
    if np.ptp(candidate.shares) == 0 or np.ptp(stable.shares) == 0:
        return 0.0
    return float(spearmanr(candidate.shares, stable.shares).statistic)


def _strongest(gate: Interpretability, subject: Subject, candidate: Importance) -> list[Curves]:
    directed = {each.feature for each in gate.monotone}
    order = np.argsort(-candidate.shares, kind="stable")
    features = [subject.data.features[position] for position in order if candidate.shares[position] > 0]
    names = [each.name for each in features if each.categories is None and each.name not in directed]
    classes = subject.candidate.model.classes
    return [_curves(subject, name, classes[-1] if classes else None) for name in names[:_DRAWN]]


def _must_vary(subject: Subject, name: str, limit: str) -> None:
    """Raise GateError if nothing can be said of a feature, because it is the same in all rows."""
    where = f"interpretability.{limit}"
    position = subject.data.position(name, where)
    values = subject.data.rows[:, position]
    if np.ptp(values) == 0:
        categories = subject.data.features[position].categories
        only = f"{values[0]:g}" if categories is None else repr(categories[int(values[0])])
        message = (
            f"{where}: {name!r} is {only} in all {len(values)} rows, so that they say nothing of how it "
            f"matters: give rows of validation data in which it differs, or leave it out"
        )
        raise GateError(ErrorReason.INVALID_DATA, message)


def _curves(subject: Subject, name: str, label: str | None) -> Curves:
    position = subject.data.position(name, "interpretability.monotone")
    if subject.data.features[position].categories is not None:
        message = f"interpretability.monotone: {name!r} is text, which does not rise: leave it out"
        raise GateError(ErrorReason.INVALID_DATA, message)
    # Of all rows: among those that are drawn a rare value may be missing.
    values = grid(subject.data.rows[:, position])
    rows = subject.data.rows[subject.draw(ROWS)]
    models = [subject.candidate.model, *([subject.stable.model] if subject.stable is not None else [])]
    found = [along(model, rows, position, _output(model, label), values) for model in models]
    return Curves(name, found[0], found[1] if subject.stable is not None else None)


def _output(model: Predictor, label: str | None) -> int:
    """Position of a class among a model's scores; of the last of two where none is named."""
    if model.answers is Answers.VALUES:
        return 0
    if label is None and len(model.classes) == 2:  # noqa: PLR2004 - the last of two
        return 1
    if label not in model.classes:
        message = (
            f"interpretability.monotone: there is no class {label!r}: write label, one of "
            f"{', '.join(model.classes[:20])}"
        )
        raise GateError(ErrorReason.INVALID_DATA, message)
    return model.classes.index(label)
