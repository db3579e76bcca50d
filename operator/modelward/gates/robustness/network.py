"""What a neural network's outputs mean, whatever library it is of.

A network answers with a number for each class, or with one for the second of two: probabilities, or what a
softmax or a sigmoid would make probabilities of. Which of these it is says what it answers for the rows that
it is held against the endpoint with.

What the attacks follow is the logarithm of how much likelier all other classes are than the row's own. The
cross-entropy grows with it and with nothing else, so that its gradient has the same sign everywhere, which
is all that FGSM and PGD take of it; but where a model is sure the cross-entropy's own is rounded to 0.
"""

from enum import StrEnum
from typing import Final

import numpy as np

from modelward.gates import modelfile
from modelward.gates.dataset import Floats, Integers
from modelward.gates.modelfile import ModelFile
from modelward.gates.subject import Subject

SMALLEST: Final = 1e-37
"""A probability is taken for no less than this, of which float32 still has a logarithm and a gradient."""
_SUMS_TO_ONE: Final = 1e-3
_TWO: Final = 2
"""Classes of which one number tells both."""


class Outputs(StrEnum):
    """What the numbers of a row are."""

    PROBABILITY = "probability of the second class"
    LOGIT = "logit of the second class"
    PROBABILITIES = "probabilities"
    LOGITS = "logits"


def compared_rows(subject: Subject, file: ModelFile) -> Floats:
    """Return the rows for which a network and the endpoint must say the same, shape (rows, features).

    Raises:
        GateError: the model answers with values.
    """
    if not subject.candidate.model.classes:
        raise file.invalid(
            "cannot be attacked, since it answers with values: gradient flips classes; leave it out, noise "
            "and perturbation are for every model"
        )
    return subject.data.rows[modelfile.compared(subject)]


def outputs(subject: Subject, file: ModelFile, said: Floats, *, logits: bool | None = None) -> Outputs:
    """Return what a network's numbers are.

    Args:
        subject: what is judged.
        file: the network's.
        said: its numbers for `compared_rows`, shape (rows,) or (rows, outputs).
        logits: whether they are logits and no probabilities; None where it is not known.

    Raises:
        GateError: they are no class, or other classes than the endpoint says.
    """
    names = subject.candidate.model.classes
    said = said[:, None] if said.ndim == 1 else said
    widths = {1, len(names)} if len(names) == _TWO else {len(names)}
    if said.shape not in {(len(said), width) for width in widths}:
        raise file.invalid(
            f"answers rows of shape ({len(said)}, features) with shape {said.shape}, and the classes are "
            f"{len(names)}: {', '.join(names[:20])}; one output for each is needed, in this order "
            "(inference.classes), or one for the second of two"
        )
    if not np.isfinite(said).all():
        raise file.invalid("answers with no number for some of the rows that the endpoint answers")
    if logits is None:
        within = bool((said >= 0).all() and (said <= 1 + _SUMS_TO_ONE).all())
        sums = said.shape[1] == 1 or bool((np.abs(said.sum(axis=1) - 1) < _SUMS_TO_ONE).all())
        logits = not (within and sums)
    if said.shape[1] == 1:
        found = Outputs.LOGIT if logits else Outputs.PROBABILITY
    else:
        found = Outputs.LOGITS if logits else Outputs.PROBABILITIES
    modelfile.check_agreement(subject, file, [names[position] for position in _decided(said, found)])
    return found


def _decided(said: Floats, kind: Outputs) -> Integers:
    """Return the position of the class of each row."""
    match kind:
        case Outputs.PROBABILITY:
            return (said[:, 0] > 0.5).astype(np.int64)  # noqa: PLR2004 - the likelier of two
        case Outputs.LOGIT:
            return (said[:, 0] > 0).astype(np.int64)
        case Outputs.PROBABILITIES | Outputs.LOGITS:
            return np.asarray(said.argmax(axis=1))
