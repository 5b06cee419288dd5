"""What a Keras 3 model says about its inputs, and how to call it with flat ones."""

from __future__ import annotations

import re
import sys
from collections.abc import Sequence
from typing import Any

from workbench.export.errors import NotExportable

_AUTOMATIC_NAME = re.compile(r"keras_tensor(_\d+)?")


def is_keras(model: Any) -> bool:
    """Whether this is a Keras 3 model; Keras is not imported to find out.

    Raises :class:`NotExportable` if it is, but Keras runs on a backend that cannot write a SavedModel.
    """
    keras = sys.modules.get("keras")
    if keras is None or not isinstance(model, keras.Model):
        return False
    backend = keras.backend.backend()
    if backend != "tensorflow":
        raise NotExportable(
            f"Keras runs on {backend} in this process, and that cannot write a SavedModel.",
            "Save the model with model.save('model.keras') and export it from a process started with "
            "KERAS_BACKEND=tensorflow.",
        )
    return True


def declared_inputs(model: Any, *, batched: bool) -> list[Any] | None:
    """One ``tf.TensorSpec`` for each input of a functional or sequential model, or None if it declares none.

    Keras numbers the names that it invents through the whole session, so building the model again in the
    same notebook would rename the inputs and break every client; those become ``x``, or ``x_0``, ``x_1`` ….
    """
    import keras
    import tensorflow as tf

    structure = _input_structure(model)
    if structure is None:
        return None
    leaves = keras.tree.flatten_with_path(structure)
    return [
        tf.TensorSpec(
            (None, *tensor.shape[1:]) if batched else tensor.shape,
            tensor.dtype,
            _input_name(path, tensor.name, substitute),
        )
        for (path, tensor), substitute in zip(leaves, _substitutes(len(leaves)), strict=True)
    ]


def inference(model: Any, specs: Sequence[Any]) -> Any:
    """A ``tf.function`` of flat, named inputs that calls the model with ``training=False``."""
    import keras
    import tensorflow as tf

    structure = _input_structure(model)

    def serve(*tensors: Any) -> Any:
        arguments = tensors if structure is None else (keras.tree.pack_sequence_as(structure, tensors),)
        return model(*arguments, training=False)

    serve.__name__ = model.name
    names = _substitutes(len(specs))
    named = [tf.TensorSpec(s.shape, s.dtype, s.name or name) for s, name in zip(specs, names, strict=True)]
    return tf.function(serve, input_signature=named)


def _input_structure(model: Any) -> Any:
    """The symbolic inputs, nested as the model's call takes them; None when it declares none."""
    import keras

    if isinstance(model, keras.Sequential):
        return next(iter(getattr(model, "inputs", ())), None)
    return getattr(model, "input", None)


def _input_name(path: tuple[Any, ...], given: str, substitute: str) -> str:
    if path and isinstance(path[-1], str):
        return path[-1]
    return substitute if _AUTOMATIC_NAME.fullmatch(given) else given


def _substitutes(count: int) -> list[str]:
    return ["x"] if count == 1 else [f"x_{position}" for position in range(count)]
