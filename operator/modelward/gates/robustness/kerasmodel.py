"""Keras models as what FGSM and PGD attack. Importing it needs TensorFlow, the extra keras."""

import os
import tempfile
from pathlib import Path
from typing import Any

# Before they are imported: a backend of another machine's settings has no gradients for the toolbox, and
# what TensorFlow says of the processor is nobody's news.
os.environ["KERAS_BACKEND"] = "tensorflow"
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import keras
import numpy as np
import tensorflow as tf
from art.estimators.classification import TensorFlowV2Classifier

from modelward.gates.modelfile import ModelFile
from modelward.gates.robustness.network import SMALLEST, Outputs, compared_rows, outputs
from modelward.gates.robustness.perturbation import Space
from modelward.gates.subject import Subject


def classifier(subject: Subject, file: ModelFile, space: Space) -> TensorFlowV2Classifier:
    """Return a Keras model, of rows in spreads.

    Raises:
        GateError: it cannot be loaded, takes no rows of these features, answers with no classes, or predicts
            other than the endpoint.
    """
    rows = compared_rows(subject, file)
    keras.utils.set_random_seed(subject.seed % 2**32)
    tf.config.experimental.enable_op_determinism()
    model = _loaded(file)
    _check_input(file, model, rows.shape[1])
    said_logits = _without_last_activation(model)
    datatype = model.inputs[0].dtype
    try:
        said = model(tf.constant(rows, dtype=datatype), training=False)
    except Exception as error:  # layers run code of any library
        first = (str(error).splitlines() or [""])[0]
        raise file.invalid(f"does not answer these rows: {type(error).__name__}: {first}") from error
    kind = outputs(subject, file, np.asarray(said, dtype=np.float64), logits=said_logits or None)
    centre, units = (tf.constant(each, dtype=datatype) for each in (space.centre, space.units))

    def of_spreads(scaled: Any, *, training: bool) -> Any:  # noqa: ANN401 - tensors
        said = model(tf.cast(scaled, datatype) * units + centre, training=training)
        return _logits(tf.cast(said, tf.float32), kind)

    return TensorFlowV2Classifier(
        model=of_spreads,
        nb_classes=len(subject.candidate.model.classes),
        input_shape=(rows.shape[1],),
        loss_object=_others_over_own,
    )


def _loaded(file: ModelFile) -> Any:  # noqa: ANN401 - Keras has no types
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "model.keras")  # Keras goes by the name
        path.write_bytes(file.content)
        try:
            return keras.saving.load_model(path, compile=False, safe_mode=True)
        except Exception as error:  # layers run code of any library
            first = (str(error).splitlines() or [""])[0]
            raise file.invalid(
                f"cannot be loaded by Keras {keras.__version__}, as it must be without code of yours (a "
                f"Lambda, a class that is not in Keras): {type(error).__name__}: {first}"
            ) from error


def _check_input(file: ModelFile, model: Any, features: int) -> None:  # noqa: ANN401 - Keras has no types
    """Raise GateError unless a model has one input of rows of numbers."""
    shapes = [tuple(each.shape) for each in model.inputs or ()]
    if shapes not in ([(None, features)], [(None, None)]):
        raise file.invalid(
            f"takes inputs of shape {', '.join(map(str, shapes)) or 'unknown'}, and the rows have {features} "
            f"features: one input of shape (None, {features}) is needed; see validation.features"
        )
    if not tf.as_dtype(model.inputs[0].dtype).is_floating:
        raise file.invalid(f"takes {model.inputs[0].dtype}, and of whole numbers there is no gradient")


def _without_last_activation(model: Any) -> bool:  # noqa: ANN401 - Keras has no types
    """Let a model that ends with a softmax or sigmoid end before it, and return whether it did.

    Near 1 a probability of float32 has no gradient any more.
    """
    last = model.layers[-1]
    if len(model.outputs) != 1 or getattr(last, "output", None) is not model.outputs[0]:
        return False
    if getattr(last, "activation", None) not in {keras.activations.softmax, keras.activations.sigmoid}:
        return False
    last.activation = keras.activations.linear
    return True


def _logits(said: Any, kind: Outputs) -> Any:  # noqa: ANN401 - tensors
    """Return a number for each class, whatever the network answers with."""
    said = said[:, None] if len(said.shape) == 1 else said
    match kind:
        case Outputs.PROBABILITY:
            return tf.math.log(tf.maximum(tf.concat([1 - said, said], axis=1), SMALLEST))
        case Outputs.LOGIT:
            return tf.concat([tf.zeros_like(said), said], axis=1)
        case Outputs.PROBABILITIES:
            return tf.math.log(tf.maximum(said, SMALLEST))
        case Outputs.LOGITS:
            return said


def _others_over_own(own: Any, logits: Any) -> Any:  # noqa: ANN401 - tensors
    """Return the sum over rows of what the module network says that attacks follow; `own` is one-hot."""
    is_own = tf.cast(own, tf.bool)
    others = tf.reduce_logsumexp(tf.where(is_own, -np.inf, logits), axis=1)
    return tf.reduce_sum(others - tf.reduce_sum(tf.where(is_own, logits, 0.0), axis=1))
