"""``TensorProto`` to numpy and back, copying no element more than once.

Source: ``tensorflow/core/framework/tensor.proto``. Answers are written as bytes, not as messages: for
floating-point values the packed typed field *is* the array's memory, so encoding is one copy.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from tensorflow.core.framework import tensor_pb2

from kernel_server.core.dtypes import DataType
from kernel_server.core.servable import Array
from kernel_server.errors import InvalidArgument
from kernel_server.wire_format import delimited, opening, varint

LARGEST_FILLED_BYTES = 64 << 20
"""Most memory that a few values may be repeated to fill; a tensor sent in full has no such limit."""

_TYPED_FIELDS = {
    DataType.FLOAT: ("float_val", 5),
    DataType.DOUBLE: ("double_val", 6),
    DataType.INT32: ("int_val", 7),
    DataType.INT16: ("int_val", 7),
    DataType.INT8: ("int_val", 7),
    DataType.UINT8: ("int_val", 7),
    DataType.UINT16: ("int_val", 7),
    DataType.STRING: ("string_val", 8),
    DataType.COMPLEX64: ("scomplex_val", 9),
    DataType.INT64: ("int64_val", 10),
    DataType.BOOL: ("bool_val", 11),
    DataType.COMPLEX128: ("dcomplex_val", 12),
    DataType.HALF: ("half_val", 13),
    DataType.BFLOAT16: ("half_val", 13),
    DataType.UINT32: ("uint32_val", 16),
    DataType.UINT64: ("uint64_val", 17),
}
_MEMORY_IS_PACKED = frozenset((DataType.FLOAT, DataType.DOUBLE, DataType.COMPLEX64, DataType.COMPLEX128))
_SIXTEEN_BIT = frozenset((DataType.HALF, DataType.BFLOAT16))
_DTYPES = {int(member): member.numpy for member in _TYPED_FIELDS}
_TENSOR_CONTENT = 4

_FEW = 64
"""Values that are read and written one by one before it has been found out how to do better."""


class MalformedTensor(InvalidArgument):
    """An input's ``TensorProto`` contradicts itself."""

    def __init__(self, name: str, reason: str) -> None:
        super().__init__(f"tensor parsing error: {name}: {reason}")


class Tensors(Mapping[str, Array]):
    """Tensors by name, each decoded when it is asked for: mistakes before its turn are told first."""

    __slots__ = ("_protos",)

    def __init__(self, protos: Mapping[str, tensor_pb2.TensorProto]) -> None:
        self._protos = protos

    def __getitem__(self, name: str) -> Array:
        proto = self._protos.get(name)  # indexing would add what is missing
        if proto is None:
            raise KeyError(name)
        return decode_tensor(name, proto)

    def __iter__(self) -> Iterator[str]:
        return iter(self._protos)

    def __len__(self) -> int:
        return len(self._protos)


def decode_tensor(name: str, proto: tensor_pb2.TensorProto) -> Array:
    """The array that ``proto`` describes, read-only when it shares the message's memory.

    Fewer typed values than elements repeat the last one, none at all means zeros. Raises
    :class:`MalformedTensor`.
    """
    dtype = _DTYPES.get(proto.dtype)
    if dtype is None:
        raise MalformedTensor(name, f"element type {proto.dtype} is not supported")
    if proto.tensor_shape.unknown_rank:
        raise MalformedTensor(name, "its shape has no rank")
    shape = tuple([dim.size for dim in proto.tensor_shape.dim])
    if shape and min(shape) < 0:
        raise MalformedTensor(name, f"its shape {list(shape)} has a negative dimension")
    content = proto.tensor_content
    try:
        if content and dtype.kind != "O":
            return _from_content(name, content, dtype, shape)
        return _from_values(name, proto, DataType(proto.dtype), shape)
    except (ValueError, OverflowError) as error:  # numpy's limits on dimensions, or a value out of range
        raise MalformedTensor(name, str(error)) from error


def _from_content(name: str, content: bytes, dtype: np.dtype[Any], shape: tuple[int, ...]) -> Array:
    need = math.prod(shape) * dtype.itemsize
    if len(content) != need:
        raise MalformedTensor(
            name,
            f"tensor_content holds {len(content)} bytes, but shape {list(shape)} of {dtype} needs {need}",
        )
    return np.frombuffer(content, dtype).reshape(shape)


def _from_values(name: str, proto: tensor_pb2.TensorProto, kind: DataType, shape: tuple[int, ...]) -> Array:
    values = _values(proto, kind)
    size = math.prod(shape)
    if len(values) == size:
        return values.reshape(shape)
    if len(values) > size:
        raise MalformedTensor(name, f"{len(values)} values for shape {list(shape)}, which holds {size}")
    if size * kind.numpy.itemsize > LARGEST_FILLED_BYTES:
        raise MalformedTensor(
            name,
            f"{len(values)} values would have to fill shape {list(shape)}; send all values of a tensor "
            f"larger than {LARGEST_FILLED_BYTES >> 20} MiB",
        )
    if not len(values):
        return np.full(shape, b"", object) if kind is DataType.STRING else np.zeros(shape, kind.numpy)
    return np.concatenate([values, np.full(size - len(values), values[-1], values.dtype)]).reshape(shape)


def _values(proto: tensor_pb2.TensorProto, kind: DataType) -> Array:
    field: Any = getattr(proto, _TYPED_FIELDS[kind][0])
    if kind is DataType.STRING:
        strings = np.empty(len(field), object)
        strings[:] = list(field)
        return strings
    if kind in _SIXTEEN_BIT:
        return numbers(field, np.dtype(np.uint16)).view(kind.numpy)
    if kind is DataType.COMPLEX64:
        return numbers(field, np.dtype(np.float32)).view(np.complex64)
    if kind is DataType.COMPLEX128:
        return numbers(field, np.dtype(np.float64)).view(np.complex128)
    return numbers(field, kind.numpy)


def numbers(field: Sequence[float], dtype: np.dtype[Any]) -> Array:
    """The values of a repeated field of a message; raises ``OverflowError`` for one that ``dtype`` has not.

    Protobuf makes an array of many much faster than numpy does, which asks for one after the other.
    """
    if len(field) > _FEW:
        values = np.asarray(field)
        if values.dtype == dtype:
            return values
        array = values.astype(dtype)
        if (array == values).all():
            return array
    return np.fromiter(field, dtype, len(field))


def encode_tensor(array: Array, as_content: bool = False) -> bytes:
    """``array`` as a serialized ``TensorProto``, in its typed field or, if asked for, as content."""
    kind = DataType.of(array.dtype)
    head = encode_head(kind, array.shape, array.nbytes, as_content)
    if kind is DataType.STRING:
        return head + b"".join([delimited(8, _as_bytes(text)) for text in array.flat])
    return head + (memory(array) if is_memory(kind, as_content) else _encode_values(array, kind))


def is_memory(kind: DataType, as_content: bool) -> bool:
    """Whether a ``TensorProto`` of that type ends with the memory of its array."""
    return kind in _MEMORY_IS_PACKED or (as_content and kind is not DataType.STRING)


def encode_head(kind: DataType, shape: Sequence[int], size: int, as_content: bool) -> bytes:
    """What a ``TensorProto`` begins with, up to the ``size`` bytes of memory if it ends with them."""
    head = b"\x08" + varint(kind) + delimited(2, _encode_shape(shape))
    if not size or not is_memory(kind, as_content):
        return head
    return head + opening(_TENSOR_CONTENT if as_content else _TYPED_FIELDS[kind][1], size)


def _encode_values(array: Array, kind: DataType) -> bytes:
    field, number = _TYPED_FIELDS[kind]
    values = array.ravel().view(np.uint16) if kind in _SIXTEEN_BIT else array.ravel()
    if len(values) > _FEW and values.min() >= 0 and values.max() < 128:  # masks and classes: a byte each
        return delimited(number, values.astype(np.uint8).tobytes())
    encoded: bytes = tensor_pb2.TensorProto(**{field: values.tolist()}).SerializeToString()
    return encoded


def _encode_shape(shape: Sequence[int]) -> bytes:
    return b"".join([delimited(2, b"\x08" + varint(size)) for size in shape])


def memory(array: Array) -> bytes:
    """The values of an array as a ``TensorProto`` holds them."""
    if sys.byteorder == "big":
        array = array.astype(array.dtype.newbyteorder("<"))
    return array.tobytes()


def _as_bytes(text: object) -> bytes:
    return text if isinstance(text, bytes) else str(text).encode()
