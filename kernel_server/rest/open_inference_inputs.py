"""The body of an inference request: JSON, and after it the tensors that are sent as raw bytes.

Raw bytes belong to the protocol's extension ``binary_tensor_data``: a header tells where the JSON ends, and
the tensors' parameters tell how many bytes each takes.
"""

from __future__ import annotations

from typing import Any, TypeVar

import numpy as np

from kernel_server.core.dtypes import DataType
from kernel_server.core.servable import Array
from kernel_server.errors import InvalidArgument
from kernel_server.open_inference.raw_tensors import MalformedInput, decode_raw, element_type, shaped
from kernel_server.open_inference.requests import SIGNATURE_NAME, check_parameters, check_signature
from kernel_server.rest.json_parse import echo, parse
from kernel_server.rest.json_tensor import exact_array, quick_array

_READ_AS = {
    DataType.INT8: DataType.INT32,
    DataType.UINT8: DataType.INT32,
    DataType.INT16: DataType.INT32,
    DataType.UINT16: DataType.INT32,
    DataType.HALF: DataType.FLOAT,
    DataType.BFLOAT16: DataType.FLOAT,
}
"""Wider types for those that JSON values are not read as."""

_WORDS: dict[type, str] = {str: "a string", list: "a list", dict: "an object", int: "a whole number"}

T = TypeVar("T")


class MalformedBody(InvalidArgument):
    """The body does not say what the protocol wants to know."""


class WrongLength(MalformedBody):
    """The raw bytes after the JSON are not what the tensors need."""

    def __init__(self, need: int, have: int) -> None:
        super().__init__(f"The inputs take {need} bytes after the JSON, but {have} came")


class InferBody:
    """A parsed request; ``json_length`` is the value of the header that tells where its JSON ends.

    Raises :class:`MalformedBody`, ``JsonParseError``, ``MalformedInput`` or ``UnsupportedExtension``.
    """

    __slots__ = ("_document", "_raw", "_wanted_raw", "id", "output_filter", "signature_name")

    def __init__(self, body: bytes, json_length: bytes | None) -> None:
        text, self._raw = _split(body, json_length)
        self._document = _object(parse(text), "the body")
        self.id = _get(self._document, "id", str, "")
        parameters = _get(self._document, "parameters", dict, {})
        self.signature_name = check_signature(parameters.get(SIGNATURE_NAME, ""))
        self._wanted_raw = {"": parameters.get("binary_data_output", False)}
        self.output_filter = [self._wish(output) for output in _get(self._document, "outputs", list, [])]

    def arrays(self) -> dict[str, Array]:
        """The inputs by name."""
        arrays: dict[str, Array] = {}
        begin = 0
        for tensor in _get(self._document, "inputs", list):
            name = _get(_object(tensor, "an input"), "name", str)
            if name in arrays:
                raise MalformedInput(name, "it is given twice")
            parameters = _get(tensor, "parameters", dict, {})
            check_parameters(name, parameters)
            size = _get(parameters, "binary_data_size", int, 0)
            if size < 0:
                raise MalformedBody(f"'binary_data_size' must not be negative; was {size}")
            raw = self._raw[begin : begin + size] if "binary_data_size" in parameters else None
            begin += size
            arrays[name] = _array(name, tensor, raw)
        if begin != len(self._raw):
            raise WrongLength(begin, len(self._raw))
        return arrays

    def as_raw(self, output: str) -> bool:
        """Whether the answer is to carry ``output`` as raw bytes."""
        return self._wanted_raw.get(output, self._wanted_raw[""]) is True

    def _wish(self, output: object) -> str:
        """The name of an output that the request asks for, after noting how it wants that."""
        told = _object(output, "an output")
        name, parameters = _get(told, "name", str), _get(told, "parameters", dict, {})
        check_parameters(name, parameters)
        if "binary_data" in parameters:
            self._wanted_raw[name] = parameters["binary_data"]
        return name


def _split(body: bytes, json_length: bytes | None) -> tuple[bytes, bytes]:
    if json_length is None:
        return body, b""
    if not json_length.isdigit() or len(json_length) > len(str(len(body))) or int(json_length) > len(body):
        raise MalformedBody(
            f"Inference-Header-Content-Length must lie between 0 and {len(body)}, the length of the body; "
            f"was {json_length.decode(errors='replace')}"
        )
    length = int(json_length)
    return body[:length], body[length:]


def _array(name: str, tensor: dict[str, Any], raw: bytes | None) -> Array:
    datatype = _get(tensor, "datatype", str)
    shape = tuple(_get(tensor, "shape", list))
    if not all(type(size) is int for size in shape):
        raise MalformedInput(name, f"shape must be a list of whole numbers; was {echo(tensor['shape'])}")
    if raw is not None:
        return decode_raw(name, datatype, shape, raw)
    return shaped(name, _values(name, _get(tensor, "data", list), element_type(name, datatype)), shape)


def _values(name: str, data: list[Any], dtype: DataType) -> Array:
    """Values in row-major order, nested or not."""
    wide = _READ_AS.get(dtype, dtype)
    try:
        array = quick_array(data, wide)
        if array is None:
            array = exact_array(data, wide)
    except InvalidArgument as error:
        raise MalformedInput(name, error.message) from error
    values = array.reshape(-1)
    if wide is DataType.INT32 and values.size:
        limits = np.iinfo(dtype.numpy.name)
        if values.min() < limits.min or values.max() > limits.max:
            raise MalformedInput(name, f"a value lies beyond {limits.min} to {limits.max}")
    with np.errstate(over="ignore"):  # a number beyond the range of a float is infinity
        return values.astype(dtype.numpy, copy=False)


def _object(value: object, what: str) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise MalformedBody(f"{what} must be an object; was {echo(value)}")
    return value


def _get(owner: dict[str, Any], key: str, kind: type[T], default: T | None = None) -> T:
    value = owner.get(key, default)
    if type(value) is not kind:
        raise MalformedBody(f"'{key}' must be {_WORDS[kind]}; was {echo(value)}")
    return value
