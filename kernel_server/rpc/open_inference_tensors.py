"""Tensors of ``ModelInferRequest`` to numpy, and numpy to a ``ModelInferResponse``.

Answers are written as bytes, not as messages: as raw contents they are the arrays' own memory.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import Any

import numpy as np

from kernel_server.core.dtypes import DataType
from kernel_server.core.servable import Array, ServableId
from kernel_server.errors import InvalidArgument
from kernel_server.open_inference.datatypes import SIXTEEN_BIT_FLOATS, datatype
from kernel_server.open_inference.raw_tensors import (
    MalformedInput,
    decode_raw,
    element_type,
    encode_raw,
    shaped,
)
from kernel_server.open_inference.requests import check_parameters
from kernel_server.rpc.open_inference_pb2 import InferTensorContents, ModelInferRequest
from kernel_server.tensor_protos import numbers
from kernel_server.wire_format import delimited, text_field, varint

_CONTENTS = {
    DataType.BOOL: "bool_contents",
    DataType.INT8: "int_contents",
    DataType.INT16: "int_contents",
    DataType.INT32: "int_contents",
    DataType.INT64: "int64_contents",
    DataType.UINT8: "uint_contents",
    DataType.UINT16: "uint_contents",
    DataType.UINT32: "uint_contents",
    DataType.UINT64: "uint64_contents",
    DataType.FLOAT: "fp32_contents",
    DataType.DOUBLE: "fp64_contents",
    DataType.STRING: "bytes_contents",
}


class RawContentsMismatch(InvalidArgument):
    """The raw contents of a request do not belong to its inputs one by one."""

    def __init__(self, contents: int, inputs: int) -> None:
        super().__init__(
            f"raw_input_contents has {contents} elements for {inputs} inputs: send one for each, or none and "
            "the contents with the inputs"
        )


def decode_inputs(request: ModelInferRequest) -> dict[str, Array]:
    """The inputs by name; raw ones share the message's memory.

    Raises :class:`RawContentsMismatch`, ``MalformedInput`` or ``UnsupportedExtension``.
    """
    raws, arrays = request.raw_input_contents, {}
    if raws and len(raws) != len(request.inputs):
        raise RawContentsMismatch(len(raws), len(request.inputs))
    for index, tensor in enumerate(request.inputs):
        name = tensor.name
        check_parameters(name, tensor.parameters)
        if name in arrays:
            raise MalformedInput(name, "it is given twice")
        if not raws:
            arrays[name] = _from_contents(tensor)
        elif tensor.HasField("contents"):
            raise MalformedInput(name, "it has both contents and raw_input_contents")
        else:
            arrays[name] = decode_raw(name, tensor.datatype, tuple(tensor.shape), raws[index])
    return arrays


def _from_contents(tensor: ModelInferRequest.InferInputTensor) -> Array:
    name, dtype = tensor.name, element_type(tensor.name, tensor.datatype)
    field = _CONTENTS.get(dtype)
    if field is None:
        raise MalformedInput(name, f"{tensor.datatype} has no contents of its own: use raw_input_contents")
    values: Any = getattr(tensor.contents, field)
    try:
        array = numbers(values, dtype.numpy)
    except OverflowError as error:
        raise MalformedInput(name, str(error)) from error
    return shaped(name, array, tuple(tensor.shape))


def encode_response(servable: ServableId, request_id: str, outputs: Mapping[str, Array], raw: bool) -> bytes:
    """A ModelInferResponse, its contents as bytes with ``raw`` or where a type leaves no choice.

    Raises ``NotExpressible``.
    """
    raw = raw or any(DataType.of(array.dtype) in SIXTEEN_BIT_FLOATS for array in outputs.values())
    parts = [_origin(servable), delimited(3, request_id.encode())]
    for name, array in outputs.items():
        tensor = _description(name, array.dtype, array.shape)
        parts.append(delimited(5, tensor if raw else tensor + delimited(5, _contents(array))))
    if raw:
        parts += [delimited(6, encode_raw(array)) for array in outputs.values()]
    return b"".join(parts)


@lru_cache(maxsize=1024)
def _origin(servable: ServableId) -> bytes:
    return text_field(1, servable.name) + text_field(2, str(servable.version))


@lru_cache(maxsize=1024)
def _description(name: str, dtype: np.dtype[np.generic], shape: tuple[int, ...]) -> bytes:
    """An InferOutputTensor without its contents; the same few are asked for again and again."""
    sizes = b"".join([varint(size) for size in shape])
    return text_field(1, name) + text_field(2, datatype(name, DataType.of(dtype))) + delimited(3, sizes)


def _contents(array: Array) -> bytes:
    dtype, values = DataType.of(array.dtype), array.ravel().tolist()
    if dtype is DataType.STRING:
        values = [text if isinstance(text, bytes) else str(text).encode() for text in values]
    return InferTensorContents(**{_CONTENTS[dtype]: values}).SerializeToString()
