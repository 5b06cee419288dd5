"""Which variables of a notebook could be exported."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from typing import Any


def exportable(namespace: Mapping[str, Any]) -> dict[str, Any]:
    """Models and functions that ``export_model`` takes without further words, by variable name.

    Neither TensorFlow nor Keras is imported to find out: without them nothing in the namespace is theirs.
    """
    kinds = _model_kinds()
    return {name: value for name, value in _visible(namespace) if isinstance(value, kinds)} | functions(
        namespace
    )


def functions(namespace: Mapping[str, Any]) -> dict[str, Any]:
    """The functions among them that say what their inputs are, so that each can be a signature."""
    tf = sys.modules.get("tensorflow")
    if tf is None:
        return {}
    kinds = tf.types.experimental
    return {
        name: value
        for name, value in _visible(namespace)
        if isinstance(value, kinds.ConcreteFunction)
        or (isinstance(value, kinds.PolymorphicFunction) and value.input_signature is not None)
    }


def _model_kinds() -> tuple[type, ...]:
    keras, tf = sys.modules.get("keras"), sys.modules.get("tensorflow")
    return tuple(kind for kind in (keras and keras.Model, tf and tf.Module) if kind)


def _visible(namespace: Mapping[str, Any]) -> list[tuple[str, Any]]:
    return [(name, value) for name, value in namespace.items() if not name.startswith("_")]
