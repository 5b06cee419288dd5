"""Element types by the protocol's names."""

from __future__ import annotations

from kernel_server.core.dtypes import DataType
from kernel_server.errors import Unimplemented

_NAMES = {
    DataType.BOOL: "BOOL",
    DataType.UINT8: "UINT8",
    DataType.UINT16: "UINT16",
    DataType.UINT32: "UINT32",
    DataType.UINT64: "UINT64",
    DataType.INT8: "INT8",
    DataType.INT16: "INT16",
    DataType.INT32: "INT32",
    DataType.INT64: "INT64",
    DataType.HALF: "FP16",
    DataType.BFLOAT16: "BF16",
    DataType.FLOAT: "FP32",
    DataType.DOUBLE: "FP64",
    DataType.STRING: "BYTES",
}
BY_NAME = {name: dtype for dtype, name in _NAMES.items()}

SIXTEEN_BIT_FLOATS = frozenset((DataType.HALF, DataType.BFLOAT16))
"""Types whose values the protocol carries as raw bytes only."""


class NotExpressible(Unimplemented):
    """The protocol has no name for the element type of an output."""

    def __init__(self, output: str, dtype: DataType) -> None:
        super().__init__(
            f"output '{output}' is {dtype.label}, which the Open Inference Protocol cannot carry: name the "
            "outputs to answer, or use TensorFlow Serving's Predict"
        )


def datatype(output: str, dtype: DataType) -> str:
    """The protocol's name for the element type of ``output``; raises :class:`NotExpressible`."""
    try:
        return _NAMES[dtype]
    except KeyError:
        raise NotExpressible(output, dtype) from None


def described(dtype: DataType) -> str:
    """The protocol's name, or for a type that it has none for, TensorFlow's."""
    return _NAMES.get(dtype, dtype.name)
