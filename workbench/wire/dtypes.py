"""TensorFlow's element-type numbers and the numpy types that carry them.

Source: ``tensorflow/core/framework/types.proto``.
"""

from __future__ import annotations

from typing import Any

import ml_dtypes
import numpy as np

STRING = 7

REF_OFFSET = 100
"""Old graphs may declare a reference type: the base number plus this."""

_NAMES: dict[int, tuple[str, Any]] = {
    1: ("float", np.float32),
    2: ("double", np.float64),
    3: ("int32", np.int32),
    4: ("uint8", np.uint8),
    5: ("int16", np.int16),
    6: ("int8", np.int8),
    STRING: ("string", np.object_),
    8: ("complex64", np.complex64),
    9: ("int64", np.int64),
    10: ("bool", np.bool_),
    14: ("bfloat16", ml_dtypes.bfloat16),
    17: ("uint16", np.uint16),
    18: ("complex128", np.complex128),
    19: ("half", np.float16),
    22: ("uint32", np.uint32),
    23: ("uint64", np.uint64),
}

NUMPY: dict[int, np.dtype[Any]] = {number: np.dtype(kind) for number, (_, kind) in _NAMES.items()}
"""The numpy type by number; strings are object arrays of ``bytes``."""

NUMBER_OF_NAME: dict[str, int] = {name: number for number, (name, _) in _NAMES.items()}
"""The number by TensorFlow's short spelling (``float``, ``half`` …)."""

_NUMBERS = {dtype: number for number, dtype in NUMPY.items()}


def number_of(dtype: np.dtype[Any]) -> int:
    """The element-type number for ``dtype``.

    Raises ``TypeError`` for a numpy type that has none (dates, structures, foreign byte order).
    """
    number = STRING if dtype.kind in "SU" else _NUMBERS.get(dtype)
    if number is None:
        raise TypeError(f"numpy type {dtype} has no TensorFlow element type")
    return number


def numpy_of(number: int) -> np.dtype[Any]:
    """The numpy type for an element-type number, reference types resolved to their base.

    Raises ``TypeError`` for a number that numpy cannot carry (resources, quantised types).
    """
    dtype = NUMPY.get(number % REF_OFFSET)
    if dtype is None:
        raise TypeError(f"TensorFlow element type {number} has no numpy type")
    return dtype
