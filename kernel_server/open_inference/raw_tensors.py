"""Tensors as bytes: elements in row-major order, little-endian, strings after their 32-bit lengths."""

from __future__ import annotations

import math

import numpy as np

from kernel_server.core.dtypes import DataType
from kernel_server.core.servable import Array
from kernel_server.errors import InvalidArgument
from kernel_server.open_inference.datatypes import BY_NAME

_LENGTH = 4
"""Bytes of the length before each string."""


class MalformedInput(InvalidArgument):
    """An input of the request contradicts itself."""

    def __init__(self, name: str, reason: str) -> None:
        super().__init__(f"input '{name}': {reason}")


def element_type(name: str, datatype: str) -> DataType:
    """The element type that the input ``name`` declares; raises :class:`MalformedInput`."""
    dtype = BY_NAME.get(datatype)
    if dtype is None:
        raise MalformedInput(name, f"datatype '{datatype}' is none of {', '.join(BY_NAME)}")
    return dtype


def decode_raw(name: str, datatype: str, shape: tuple[int, ...], raw: bytes) -> Array:
    """The array in ``raw``, read-only and sharing its memory, except for strings.

    Raises :class:`MalformedInput`.
    """
    dtype = element_type(name, datatype)
    if dtype is DataType.STRING:
        return shaped(name, _strings(name, raw), shape)
    if len(raw) % dtype.numpy.itemsize:
        raise MalformedInput(name, f"{len(raw)} raw bytes are no whole number of {datatype} values")
    return shaped(name, np.frombuffer(raw, dtype.numpy), shape)


def shaped(name: str, values: Array, shape: tuple[int, ...]) -> Array:
    """The flat ``values`` in their declared shape; raises :class:`MalformedInput`."""
    if shape and min(shape) < 0:
        raise MalformedInput(name, f"shape {list(shape)} has a negative dimension")
    size = math.prod(shape)
    if len(values) != size:
        raise MalformedInput(name, f"{len(values)} values, but shape {list(shape)} needs {size}")
    try:
        return values.reshape(shape)
    except ValueError as error:  # numpy's limits on dimensions
        raise MalformedInput(name, str(error)) from error


def encode_raw(array: Array) -> bytes:
    """``array`` as :func:`decode_raw` reads it."""
    if array.dtype.kind not in "OSU":
        return array.tobytes()
    texts = [text if isinstance(text, bytes) else str(text).encode() for text in array.flat]
    return b"".join([part for text in texts for part in (len(text).to_bytes(_LENGTH, "little"), text)])


def _strings(name: str, raw: bytes) -> Array:
    found: list[bytes] = []
    begin = 0
    while begin < len(raw):
        text = begin + _LENGTH
        end = text + int.from_bytes(raw[begin:text], "little")
        if end > len(raw):
            raise MalformedInput(
                name, f"string {len(found)} is to end at byte {end}, but there are {len(raw)}"
            )
        found.append(raw[text:end])
        begin = end
    strings = np.empty(len(found), object)
    strings[:] = found
    return strings
