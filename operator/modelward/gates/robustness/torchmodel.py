"""PyTorch models as what FGSM and PGD attack. Importing it needs PyTorch, the extra torch.

Files are those that need no class of the team's: TorchScript, and what torch.export saves.
"""

import io
import os
from typing import Any

# What torch.export saved is loaded without its pickles, which would run what they say.
os.environ["TORCH_FORCE_WEIGHTS_ONLY_LOAD"] = "1"

import numpy as np
import torch
from art.estimators.classification import PyTorchClassifier

from modelward.gates.modelfile import Kind, ModelFile
from modelward.gates.robustness.network import SMALLEST, Outputs, compared_rows, outputs
from modelward.gates.robustness.perturbation import Space
from modelward.gates.subject import Subject


def classifier(subject: Subject, file: ModelFile, space: Space) -> PyTorchClassifier:
    """Return a PyTorch model, of rows in spreads.

    Raises:
        GateError: it cannot be loaded, takes no rows of these features, answers with no classes, or predicts
            other than the endpoint.
    """
    rows = compared_rows(subject, file)
    torch.manual_seed(subject.seed)
    model = _loaded(file)
    numbers = (each.dtype for each in (*model.parameters(), *model.buffers()) if each.is_floating_point())
    datatype = next(numbers, torch.float32)
    try:
        said = model(torch.tensor(rows, dtype=datatype, requires_grad=True))
    except Exception as error:  # any library's
        raise file.invalid(
            f"does not answer {len(rows)} rows of {rows.shape[1]} features of {datatype} (see "
            "validation.features; where torch.export fixed the number of rows, give it dynamic_shapes): "
            f"{_said(error)}"
        ) from error
    if not isinstance(said, torch.Tensor):
        raise file.invalid(f"answers with a {type(said).__name__}, and one tensor is needed")
    if not said.requires_grad:
        raise file.invalid("has no gradient: trace or export it without torch.no_grad")
    kind = outputs(subject, file, said.detach().numpy().astype(np.float64))
    return PyTorchClassifier(
        model=_OfSpreads(model, kind, space, datatype),
        loss=_others_over_own,
        input_shape=(rows.shape[1],),
        nb_classes=len(subject.candidate.model.classes),
        device_type="cpu",
    )


class _OfSpreads(torch.nn.Module):  # type: ignore[misc] # of what is not installed everywhere
    """A model of rows in spreads, which answers with a number for each class."""

    def __init__(self, model: Any, kind: Outputs, space: Space, datatype: Any) -> None:  # noqa: ANN401 - torch's
        super().__init__()
        # Not a part of this module: an exported model cannot be set to evaluation, as it is already.
        self._inner = (model,)
        self._kind = kind
        self._datatype = datatype
        self._centre = torch.tensor(space.centre, dtype=datatype)
        self._units = torch.tensor(space.units, dtype=datatype)

    def forward(self, scaled: Any) -> Any:  # noqa: ANN401 - tensors
        """Return logits of shape (rows, classes)."""
        said = self._inner[0](scaled.to(self._datatype) * self._units + self._centre).to(torch.float32)
        said = said[:, None] if said.ndim == 1 else said
        match self._kind:
            case Outputs.PROBABILITY:
                return torch.log(torch.cat([1 - said, said], dim=1).clamp(min=SMALLEST))
            case Outputs.LOGIT:
                return torch.cat([torch.zeros_like(said), said], dim=1)
            case Outputs.PROBABILITIES:
                return torch.log(said.clamp(min=SMALLEST))
            case Outputs.LOGITS:
                return said


def _loaded(file: ModelFile) -> Any:  # noqa: ANN401 - either kind of module
    content = io.BytesIO(file.content)
    try:
        if file.kind is Kind.EXPORTED:
            return torch.export.load(content).module()
        return torch.jit.load(content, map_location="cpu").eval()
    except Exception as error:  # any library's
        message = f"cannot be loaded by PyTorch {torch.__version__}: {_said(error)}"
        raise file.invalid(message) from error


def _others_over_own(logits: Any, own: Any) -> Any:  # noqa: ANN401 - tensors
    """Return the sum over rows of what the module network says that attacks follow; `own` is one-hot."""
    is_own = own.bool()
    others = logits.masked_fill(is_own, -np.inf).logsumexp(dim=1)
    return (others - logits.masked_fill(~is_own, 0).sum(dim=1)).sum()


def _said(error: Exception) -> str:
    """Return what an error of PyTorch's says; the interpreter of TorchScript says it last."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()] or [""]
    return lines[-1] if "TorchScript" in lines[0] else f"{type(error).__name__}: {lines[0]}"
