"""From a model object to the TensorFlow functions that a server will call.

TensorFlow is imported inside the functions: whoever hands in a model has it loaded already, and whoever does
not export never needs it.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, TypeAlias

from workbench.export.errors import NoServingSignature, NotExportable
from workbench.export.keras_models import declared_inputs, inference, is_keras
from workbench.metadata import DEFAULT_SIGNATURE

Traced: TypeAlias = Any
"""A ``tf.types.experimental.ConcreteFunction``."""

InputSignature: TypeAlias = Sequence[Any]
"""One ``tf.TensorSpec`` for each input."""

Signatures: TypeAlias = InputSignature | Mapping[str, Callable[..., Any] | InputSignature]

_DEFAULT_METHODS = (DEFAULT_SIGNATURE, "__call__", "serve")
_PASS_SPECS = "Pass signatures=[tf.TensorSpec([None, ...], tf.float32, name='x')], with None for the batch."


def trace(model: Any, signatures: Signatures | None, *, batched: bool) -> dict[str, Traced]:
    """One concrete function per signature name.

    ``signatures`` is ``None`` to use what the model declares, a list of ``tf.TensorSpec`` for the inputs of
    the default signature, or a mapping from signature name to such a list or to a function. ``batched`` frees
    the first dimension of the inputs that a Keras model declares, as Keras's own export does.

    Raises :class:`NoServingSignature` if nothing says what to call or nothing is called ``serving_default``,
    and :class:`NotExportable` if the model fails when TensorFlow traces it.
    """
    if signatures is None:
        chosen = _declared(model, batched)
    elif isinstance(signatures, Mapping):
        chosen = {
            name: wanted if callable(wanted) else _with_inputs(model, wanted)
            for name, wanted in signatures.items()
        }
    else:
        chosen = {DEFAULT_SIGNATURE: _with_inputs(model, signatures)}
    if DEFAULT_SIGNATURE not in chosen:
        names = ", ".join(f"'{name}'" for name in chosen) or "none"
        raise NoServingSignature(
            f"No signature is called '{DEFAULT_SIGNATURE}' (there is: {names}), which requests ask for",
            f"Pass signatures={{'{DEFAULT_SIGNATURE}': ...}}.",
        )
    return {name: _traced(function) for name, function in chosen.items()}


def saveable(model: Any, functions: Iterable[Traced]) -> Any:
    """A module that holds exactly what the functions read.

    Saving the model itself would track Keras's variables, and Keras has each saved as a copy: the restore
    operation of the graph then fills the copies, and a session (so TensorFlow Serving, too) finds the
    variables that the signatures read uninitialised. The ``tf.Variable`` objects beneath have no such twin.
    """
    import tensorflow as tf

    root = tf.Module()
    root.read_variables = list({id(v): v for function in functions for v in function.variables}.values())
    if isinstance(model, tf.__internal__.tracking.Trackable):
        resources = (tf.saved_model.experimental.TrackableResource, tf.saved_model.Asset)
        parts = tf.train.TrackableView(model).descendants()
        root.read_resources = [part for part in parts if isinstance(part, resources)]
    return root


def _declared(model: Any, batched: bool) -> dict[str, Any]:
    """What the model itself says about how it is to be called."""
    import tensorflow as tf

    if is_keras(model):
        specs = declared_inputs(model, batched=batched)
        if specs is None:
            unbuilt = f"{_described(model)} declares no inputs (it is subclassed, or was not built yet)"
            raise NoServingSignature(unbuilt, _PASS_SPECS)
        return {DEFAULT_SIGNATURE: inference(model, specs)}
    if isinstance(model, tf.Module):
        return _module_functions(model)
    return {DEFAULT_SIGNATURE: model}


def _module_functions(module: Any) -> dict[str, Any]:
    """The module's tf.functions that declare their inputs, the default one under its serving name."""
    functions = {
        name: function for name, function in _tf_functions(module) if function.input_signature is not None
    }
    if not functions:
        raise NoServingSignature(
            f"{_described(module)} has no tf.function with an input_signature",
            "Decorate a method with @tf.function(input_signature=[tf.TensorSpec([None, ...], tf.float32)]) "
            "or pass signatures=...",
        )
    only = next(iter(functions)) if len(functions) == 1 else None
    default = next((name for name in _DEFAULT_METHODS if name in functions), only)
    return {DEFAULT_SIGNATURE if name == default else name: f for name, f in functions.items()}


def _tf_functions(module: Any) -> Iterable[tuple[str, Any]]:
    """Found without running properties, which may compute or fail."""
    import tensorflow as tf

    for name in sorted({*dir(type(module)), *vars(module)}):
        static = inspect.getattr_static(module, name, None)
        if isinstance(static, tf.types.experimental.PolymorphicFunction):
            yield name, getattr(module, name)


def _with_inputs(model: Any, specs: InputSignature) -> Any:
    import tensorflow as tf

    if is_keras(model):
        return inference(model, specs)
    if not callable(model):
        remedy = "Pass one of its functions, or signatures={name: function}."
        raise NoServingSignature(f"{_described(model)} cannot be called", remedy)
    return tf.function(model, input_signature=list(specs))


def _traced(function: Any) -> Traced:
    """The concrete function, provided that something says what its inputs are."""
    import tensorflow as tf

    if isinstance(function, tf.types.experimental.ConcreteFunction):
        return function
    if not isinstance(function, tf.types.experimental.PolymorphicFunction):
        raise NoServingSignature(f"{_described(function)} does not say what its inputs are", _PASS_SPECS)
    if function.input_signature is None:
        raise NoServingSignature(f"{_described(function)} has no input_signature", _PASS_SPECS)
    try:
        return function.get_concrete_function()
    except Exception as error:  # whatever the model's own code raises
        raise NotExportable(
            f"{_described(function)} fails when traced: {type(error).__name__}: {error}",
            "It must be made of TensorFlow operations and work for any size of the free dimensions.",
        ) from error


def _described(subject: Any) -> str:
    name = getattr(subject, "__name__", None) or getattr(subject, "name", None)
    return f"{type(subject).__name__} '{name}'" if isinstance(name, str) else f"This {type(subject).__name__}"
