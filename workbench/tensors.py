"""What people pass to ``predict`` and get back: arrays, mappings, data frames."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from workbench.errors import InvalidSetting
from workbench.metadata import Signature, TensorInfo
from workbench.wire.codec import Array

if TYPE_CHECKING:
    import pandas as pd


def to_arrays(inputs: Any, signature: Signature) -> dict[str, Array]:
    """``inputs`` as named arrays of the element types that ``signature`` declares.

    A mapping names its inputs; anything else is the only input. A data frame is one input per column when
    the columns are the input names, else the matrix that is the only input. Raises :class:`InvalidSetting`
    for a single value when the signature has several inputs.
    """
    if is_frame(inputs):
        return _from_frame(inputs, signature)
    named = inputs if isinstance(inputs, Mapping) else {_only_input(signature): inputs}
    return {name: fit(value, signature.inputs.get(name)) for name, value in named.items()}


def fit(value: Any, info: TensorInfo | None) -> Array:
    """``value`` as an array of the declared element type, when no number changes its meaning thereby.

    Floating-point precision may be lost, an integer value may not; what does not fit is left as it is,
    for the server to judge.
    """
    array = np.asarray(value)
    wanted = None if info is None else info.dtype
    if wanted is None or array.dtype == wanted or array.dtype.kind not in "iuf":
        return array
    if wanted.kind in "fV":
        return array.astype(wanted)
    if wanted.kind in "iu" and array.dtype.kind in "iu":
        converted = array.astype(wanted)
        return converted if np.array_equal(converted, array) else array
    return array


def to_result(outputs: Mapping[str, Array], inputs: Any) -> Any:
    """A data frame for a data frame whose rows every output has; else the lone array, else all by name."""
    if is_frame(inputs) and all(_fits_rows(array, len(inputs)) for array in outputs.values()):
        return _to_frame(outputs, inputs.index)
    return next(iter(outputs.values())) if len(outputs) == 1 else dict(outputs)


def is_frame(value: Any) -> bool:
    """Whether ``value`` is a pandas data frame; does not import pandas."""
    pandas = sys.modules.get("pandas")
    return pandas is not None and isinstance(value, pandas.DataFrame)


def _only_input(signature: Signature) -> str:
    if len(signature.inputs) != 1:
        names = ", ".join(signature.inputs) or "none"
        raise InvalidSetting(
            "inputs", "...", f"signature '{signature.name}' has the inputs {names}; pass a mapping by name"
        )
    return next(iter(signature.inputs))


def _from_frame(frame: pd.DataFrame, signature: Signature) -> dict[str, Array]:
    if set(frame.columns) == set(signature.inputs):
        return {name: _column(frame[name].to_numpy(), info) for name, info in signature.inputs.items()}
    name = _only_input(signature)
    return {name: fit(frame.to_numpy(), signature.inputs[name])}


def _column(values: Array, info: TensorInfo) -> Array:
    """One value per row; a declared shape of ``[n, 1]`` gets its second dimension."""
    column = values.reshape(-1, 1) if info.shape is not None and len(info.shape) == 2 else values
    return fit(column, info)


def _fits_rows(array: Array, rows: int) -> bool:
    return array.ndim in (1, 2) and len(array) == rows


def _to_frame(outputs: Mapping[str, Array], index: pd.Index[Any]) -> pd.DataFrame:
    """One column per output, or ``name_0``, ``name_1`` … for an output of several columns."""
    import pandas as pd

    columns: dict[str, Array] = {}
    for name, array in outputs.items():
        if array.ndim == 1 or array.shape[1] == 1:
            columns[name] = array.reshape(-1)
        else:
            columns |= {f"{name}_{column}": array[:, column] for column in range(array.shape[1])}
    return pd.DataFrame(columns, index=index)
