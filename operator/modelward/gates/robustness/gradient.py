"""Flips under FGSM and PGD, for models whose file is given and whose gradient the toolbox knows.

These are Keras and PyTorch models, and of scikit-learn's logistic regressions. The attack (Adversarial
Robustness Toolbox) is made in units of spread, so that a step moves every feature alike but constants, which
have none, on the model of the file; what flips is then asked of the endpoint.
"""

from typing import Any, Final

import numpy as np
from art.attacks.evasion import FastGradientMethod, ProjectedGradientDescent

from modelward.api.robustness import Gradient, Method
from modelward.gates import modelfile
from modelward.gates.dataset import Floats
from modelward.gates.findings import Findings
from modelward.gates.modelfile import Kind, ModelFile
from modelward.gates.robustness import linear
from modelward.gates.robustness.flips import Flips, add
from modelward.gates.robustness.perturbation import Space
from modelward.gates.subject import Asked, Subject

ROWS: Final = 1000
"""Rows that are attacked; the gradient costs no request, the answer one."""
_PGD_STEPS: Final = 20
_STEP_SHARE: Final = 4
"""A step of PGD is this part of the whole change: enough to cross it five times."""


def check(findings: Findings, gates: tuple[Gradient, ...], subject: Subject) -> None:
    """Add the flips of every attack. Raises GateError."""
    space = Space(subject.data.medians, subject.data.spreads)
    file = modelfile.read(subject)
    classifier = _classifier(subject, file, space)
    rows = subject.data.rows[subject.draw(ROWS)]
    for gate in gates:
        attacked, unmoved = _attacked(gate, file, classifier, space, rows)
        found = _flips(subject.candidate, space, rows, attacked)
        beside = None if subject.stable is None else _flips(subject.stable, space, rows, attacked)
        if _undecided(gate, unmoved, found, beside):
            raise file.invalid(
                f"has no gradient at {unmoved:.1%} of the rows, as where a probability is rounded to 1, so "
                f"that {gate.method} says nothing of them: save the model without its last sigmoid or "
                "softmax, or leave out gradient; noise and perturbation are for every model"
            )
        name = f"{gate.method} {gate.size}"
        add(findings, subject, name, (gate.max_flips, gate.max_flips_above_stable), (found, beside))


def _classifier(subject: Subject, file: ModelFile, space: Space) -> Any:  # noqa: ANN401 - the toolbox has no types
    """Return the file's model of rows in spreads, as the toolbox has it. Raises GateError."""
    match file.kind:
        case Kind.JOBLIB:
            return linear.classifier(subject, file, space)
        case Kind.KERAS:
            try:
                from modelward.gates.robustness import kerasmodel  # noqa: PLC0415 - the extra may not be installed
            except ImportError as error:
                raise _missing(file, "keras", "TensorFlow", error) from error
            return kerasmodel.classifier(subject, file, space)
        case Kind.TORCHSCRIPT | Kind.EXPORTED:
            try:
                from modelward.gates.robustness import torchmodel  # noqa: PLC0415 - the same
            except ImportError as error:
                raise _missing(file, "torch", "PyTorch", error) from error
            return torchmodel.classifier(subject, file, space)


def _missing(file: ModelFile, extra: str, library: str, error: ImportError) -> Exception:
    return file.invalid(
        f"is a file of {file.kind}, and {library} is not installed here ({error}): "
        f"install modelward[gates,{extra}], or build images/gates with --build-arg MODELS={extra}"
    )


def _attacked(
    gate: Gradient,
    file: ModelFile,
    classifier: Any,  # noqa: ANN401 - the toolbox has no types
    space: Space,
    rows: Floats,
) -> tuple[Floats, float]:
    """Return the attacked rows in spreads, and the share of those that have no gradient. Raises GateError."""
    size = float(gate.size)
    if gate.method is Method.FGSM:
        attack = FastGradientMethod(classifier, eps=size, batch_size=ROWS)
    else:
        attack = ProjectedGradientDescent(
            classifier,
            eps=size,
            eps_step=size / _STEP_SHARE,
            max_iter=_PGD_STEPS,
            batch_size=ROWS,
            verbose=False,
        )
    scaled = space.scaled(rows)
    try:
        attacked = np.asarray(attack.generate(scaled, mask=space.movable.astype(np.float32)))
    except Exception as error:  # a network's layers run code of any library
        first = (str(error).splitlines() or [""])[0]
        raise file.invalid(f"cannot be attacked by {gate.method}: {type(error).__name__}: {first}") from error
    return attacked, float((attacked == scaled).all(axis=1).mean())


def _undecided(gate: Gradient, unmoved: float, found: Flips, beside: Flips | None) -> bool:
    """Return whether a limit is kept, and would not be if the share of rows without gradient flipped too."""
    limits = [(found.share, gate.max_flips)]
    if gate.max_flips_above_stable is not None and beside is not None:
        limits.append((found.share - beside.share, gate.max_flips_above_stable))
    return any(share <= float(limit) < share + unmoved for share, limit in limits)


def _flips(asked: Asked, space: Space, rows: Floats, attacked: Floats) -> Flips:
    before = asked.model.predict(rows).decided
    after = asked.model.predict(space.rows(attacked)).decided
    return Flips(float((before != after).mean()), "")
