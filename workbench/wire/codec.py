"""Predict requests and replies: numpy arrays to protobuf bytes and back.

The load generator encodes and decodes many thousand of these a second, so a request is joined from
pieces instead of going through message objects: the constant ones (model, signature, element type,
shape) are serialized once and kept, an array's own memory is copied exactly once, into the result.
Protobuf permits this: concatenating serialized parts of a message is merging them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from math import prod
from typing import Any

import numpy as np
from numpy.typing import NDArray

from workbench.wire import serving_pb2
from workbench.wire.dtypes import REF_OFFSET, STRING, number_of, numpy_of

Array = NDArray[Any]

_KEY, _VALUE = b"\x0a", b"\x12"
_INPUTS = b"\x12"
_TENSOR_CONTENT = b"\x22"

_TYPED_FIELDS = {
    1: "float_val",
    2: "double_val",
    3: "int_val",
    4: "int_val",
    5: "int_val",
    6: "int_val",
    STRING: "string_val",
    8: "scomplex_val",
    9: "int64_val",
    10: "bool_val",
    14: "half_val",
    17: "int_val",
    18: "dcomplex_val",
    19: "half_val",
    22: "uint32_val",
    23: "uint64_val",
}

_STORED_AS: Mapping[int, np.dtype[Any]] = {
    8: np.dtype(np.float32),
    14: np.dtype(np.uint16),
    18: np.dtype(np.float64),
    19: np.dtype(np.uint16),
}
"""Types whose typed field holds parts or bit patterns rather than values."""


@dataclass(frozen=True, slots=True)
class Prediction:
    """A decoded reply: the outputs by name, and which model version and signature answered."""

    outputs: Mapping[str, Array]
    model: str
    version: int
    signature: str


def encode_predict(
    model: str,
    inputs: Mapping[str, Array],
    *,
    version: int | None = None,
    label: str | None = None,
    signature: str = "",
    output_filter: Sequence[str] = (),
) -> bytes:
    """A serialized ``PredictRequest``.

    Strings are object arrays of ``bytes`` or ``str`` (sent as UTF-8) or numpy's own string arrays.
    Raises ``TypeError`` for an array whose type has no TensorFlow element type.
    """
    parts: list[bytes | memoryview] = [_preamble(model, version, label, signature, tuple(output_filter))]
    for name, array in inputs.items():
        key = _key(name)
        head, content = _tensor_parts(array)
        size = len(head) + (content.nbytes if content is not None else 0)
        value_size = _varint(size)
        entry_size = _varint(len(key) + 1 + len(value_size) + size)
        parts += (_INPUTS, entry_size, key, _VALUE, value_size, head)
        if content is not None:
            parts.append(content.data)
    return b"".join(parts)


def decode_predict(data: bytes) -> Prediction:
    """The parsed ``PredictResponse``.

    Arrays may be read-only views of the reply. Raises ``google.protobuf.message.DecodeError`` for
    bytes that are no such message and ``ValueError`` for a tensor that contradicts its shape.
    """
    reply = serving_pb2.PredictResponse.FromString(data)
    spec = reply.model_spec
    outputs = {name: decode_tensor(tensor) for name, tensor in reply.outputs.items()}
    return Prediction(outputs, spec.name, spec.version.value, spec.signature_name)


def decode_tensor(tensor: serving_pb2.Tensor) -> Array:
    """The array a ``TensorProto`` stands for.

    Source of the rules: ``tensorflow/core/framework/tensor.proto``; too few typed values repeat the
    last one, none at all means zeros.
    """
    number = tensor.dtype % REF_OFFSET
    dtype = numpy_of(number)
    shape = tuple([dim.size for dim in tensor.tensor_shape.dim])
    if tensor.tensor_content:
        return np.frombuffer(tensor.tensor_content, dtype).reshape(shape)
    values = _typed_values(tensor, number, dtype)
    size = prod(shape)
    if len(values) < size:
        filler = values[-1] if len(values) else _zero(dtype)
        values = np.concatenate([values, np.full(size - len(values), filler, dtype)])
    return values.reshape(shape)


def decode_shape(shape: serving_pb2.TensorShape) -> tuple[int, ...] | None:
    """Dimensions with -1 for a free one, or ``None`` when the rank is unknown."""
    return None if shape.unknown_rank else tuple(dim.size for dim in shape.dim)


def model_spec(
    model: str, version: int | None = None, label: str | None = None, signature: str = ""
) -> serving_pb2.ModelSpec:
    """Which model, which of its versions (none given: the highest available) and which signature."""
    spec = serving_pb2.ModelSpec(name=model, signature_name=signature)
    if version is not None:
        spec.version.value = version
    elif label is not None:
        spec.version_label = label
    return spec


@lru_cache(maxsize=1024)
def _preamble(
    model: str, version: int | None, label: str | None, signature: str, output_filter: tuple[str, ...]
) -> bytes:
    request = serving_pb2.PredictRequest(
        model_spec=model_spec(model, version, label, signature), output_filter=output_filter
    )
    return request.SerializeToString()


@lru_cache(maxsize=1024)
def _key(name: str) -> bytes:
    encoded = name.encode()
    return _KEY + _varint(len(encoded)) + encoded


@lru_cache(maxsize=4096)
def _head(dtype: np.dtype[Any], shape: tuple[int, ...]) -> bytes:
    """Element type and shape of a tensor, up to the length of the content that follows."""
    tensor = serving_pb2.Tensor(dtype=number_of(dtype))
    for size in shape:
        tensor.tensor_shape.dim.add(size=size)
    return tensor.SerializeToString() + _TENSOR_CONTENT + _varint(prod(shape) * dtype.itemsize)


def _tensor_parts(array: Array) -> tuple[bytes, Array | None]:
    """A serialized tensor as a head and, unless it holds strings, the raw memory to follow it."""
    if array.dtype.kind in "OSU":
        return _string_tensor(array), None
    return _head(array.dtype, array.shape), np.ascontiguousarray(array).reshape(-1).view(np.uint8)


def _string_tensor(array: Array) -> bytes:
    values = [item.encode() if isinstance(item, str) else item for item in array.ravel().tolist()]
    tensor = serving_pb2.Tensor(dtype=STRING, string_val=values)
    for size in array.shape:
        tensor.tensor_shape.dim.add(size=size)
    return tensor.SerializeToString()


def _typed_values(tensor: serving_pb2.Tensor, number: int, dtype: np.dtype[Any]) -> Array:
    field = getattr(tensor, _TYPED_FIELDS[number])
    if number == STRING:
        values = np.empty(len(field), np.object_)
        values[:] = field
        return values
    return np.array(field, _STORED_AS.get(number, dtype)).view(dtype)


def _zero(dtype: np.dtype[Any]) -> Any:
    return b"" if dtype.kind == "O" else dtype.type(0)


def _varint(value: int) -> bytes:
    """Protobuf's variable-length integer: seven bits a byte, the lowest first."""
    encoded = bytearray()
    while value > 0x7F:
        encoded.append(value & 0x7F | 0x80)
        value >>= 7
    encoded.append(value)
    return bytes(encoded)
