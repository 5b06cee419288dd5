"""What the server and a model's process say to each other: a head in JSON, then the memory of arrays.

::

    bytes of the head (4) | [text, code, [[element type, [dimension, ...]], ...]] | array | array ...

Strings are their lengths, 8 bytes each, then one string after another. Both ends are of one version and one
machine. Nothing in a message is ever run: the server has to outlive a model's process that has gone wrong.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Sequence
from io import BufferedReader
from itertools import pairwise
from typing import NamedTuple

import numpy as np
import orjson

from kernel_server.core.dtypes import DataType
from kernel_server.core.servable import Array

_SIZE = struct.Struct("<I")

Piece = bytes | memoryview
"""Some bytes of a message, which is its pieces one after another."""


class Message(NamedTuple):
    """A question and its arrays, or an answer; with a ``code``, the error whose message is ``text``."""

    text: str = ""
    arrays: Sequence[Array] = ()
    code: str = ""


def packed(message: Message) -> list[Piece]:
    """The pieces of a message, which share the memory of its arrays if that is contiguous.

    Raises ``TypeError`` for an array of a type that no tensor has.
    """
    arrays = [np.asarray(array) for array in message.arrays]
    kinds = [DataType.of(array.dtype) for array in arrays]
    described = [(int(kind), array.shape) for kind, array in zip(kinds, arrays, strict=True)]
    head = orjson.dumps((message.text, message.code, described))
    pieces: list[Piece] = [_SIZE.pack(len(head)), head]
    for kind, array in zip(kinds, arrays, strict=True):
        pieces += _strings(array) if kind is DataType.STRING else (_memory(array),)
    return pieces


def read(stream: BufferedReader) -> Message:
    """The next message.

    Raises ``EOFError`` when the stream ends before it does, and anything at all for what is no message.
    """
    (size,) = _SIZE.unpack(_read_bytes(stream, _SIZE.size))
    text, code, described = orjson.loads(_read_bytes(stream, size))
    arrays = [_read_array(stream, DataType(kind), shape) for kind, shape in described]
    return Message(text, arrays, code)


def _memory(array: Array) -> memoryview:
    return np.ascontiguousarray(array).reshape(-1).view(np.uint8).data


def _strings(array: Array) -> tuple[Piece, Piece]:
    texts = [text if isinstance(text, bytes) else str(text).encode() for text in array.flat]
    return _memory(np.fromiter(map(len, texts), np.uint64, len(texts))), b"".join(texts)


def _read_array(stream: BufferedReader, kind: DataType, shape: Sequence[int]) -> Array:
    if kind is DataType.STRING:
        return _read_strings(stream, shape)
    array: Array = np.empty(shape, kind.numpy)
    _fill(array, stream)
    return array


def _read_strings(stream: BufferedReader, shape: Sequence[int]) -> Array:
    lengths = np.empty(math.prod(shape), np.uint64)
    _fill(lengths, stream)
    data = _read_bytes(stream, int(lengths.sum()))
    strings = np.empty(len(lengths), object)
    strings[:] = [data[begin:end] for begin, end in pairwise((0, *lengths.cumsum().tolist()))]
    return strings.reshape(shape)


def _read_bytes(stream: BufferedReader, size: int) -> bytes:
    data = stream.read(size)
    if len(data) < size:
        raise EOFError
    return data


def _fill(array: Array, stream: BufferedReader) -> None:
    memory = _memory(array)
    if stream.readinto(memory) < len(memory):
        raise EOFError
