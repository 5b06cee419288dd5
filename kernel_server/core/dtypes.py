"""Element types: TensorFlow's ``DataType`` numbers and the numpy types that carry them.

Source: ``tensorflow/core/framework/types.proto``. The numbers travel on the wire, so they are
spelled here once and serve every servable kind, with or without TensorFlow installed.
"""

from __future__ import annotations

from enum import IntEnum
from functools import cache

import ml_dtypes
import numpy as np


class DataType(IntEnum):
    """TensorFlow's element types; members are named without the ``DT_`` prefix."""

    INVALID = 0
    FLOAT = 1
    DOUBLE = 2
    INT32 = 3
    UINT8 = 4
    INT16 = 5
    INT8 = 6
    STRING = 7
    COMPLEX64 = 8
    INT64 = 9
    BOOL = 10
    BFLOAT16 = 14
    UINT16 = 17
    COMPLEX128 = 18
    HALF = 19
    UINT32 = 22
    UINT64 = 23

    @property
    def numpy(self) -> np.dtype[np.generic]:
        """The numpy type of an array of this type; strings are object arrays of ``bytes``."""
        return _NUMPY[self]

    @property
    def label(self) -> str:
        """TensorFlow's short spelling, as in its error messages: ``float``, ``int32`` and so on."""
        return self.name.lower()

    @classmethod
    @cache
    def of(cls, dtype: np.dtype[np.generic]) -> DataType:
        """The element type that carries ``dtype``.

        Raises ``TypeError`` for a numpy type that has none (dates, structures).
        """
        if dtype.kind in "OSU":
            return cls.STRING
        for member, candidate in _NUMPY.items():
            if candidate == dtype:
                return member
        raise TypeError(f"numpy type {dtype} has no TensorFlow element type")


REF_OFFSET = 100
"""Signatures of old graphs may name a reference type: the base number plus this."""

_NUMPY: dict[DataType, np.dtype[np.generic]] = {
    DataType.FLOAT: np.dtype(np.float32),
    DataType.DOUBLE: np.dtype(np.float64),
    DataType.INT32: np.dtype(np.int32),
    DataType.UINT8: np.dtype(np.uint8),
    DataType.INT16: np.dtype(np.int16),
    DataType.INT8: np.dtype(np.int8),
    DataType.STRING: np.dtype(object),
    DataType.COMPLEX64: np.dtype(np.complex64),
    DataType.INT64: np.dtype(np.int64),
    DataType.BOOL: np.dtype(np.bool_),
    DataType.BFLOAT16: np.dtype(ml_dtypes.bfloat16),
    DataType.UINT16: np.dtype(np.uint16),
    DataType.COMPLEX128: np.dtype(np.complex128),
    DataType.HALF: np.dtype(np.float16),
    DataType.UINT32: np.dtype(np.uint32),
    DataType.UINT64: np.dtype(np.uint64),
}
