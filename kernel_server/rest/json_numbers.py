"""Lists of numbers from JSON text to an array, without a Python object for every number.

simdjson reads the text and hands out all its numbers at once, whatever the nesting. That the nesting of
several lists is regular is seen from the text without its digits: it repeats itself exactly.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from math import prod
from typing import Literal, cast

import numpy as np
import simdjson

from kernel_server.core.dtypes import DataType
from kernel_server.core.servable import Array
from kernel_server.rest.json_tensor import FLOATS, INTEGERS, MAX_RANK, as_dtype

_WITHIN_NUMBERS = b"0123456789+-.eE \t\r\n"
_PIECE = 256 * 1024
"""Bytes that are read at one go, for all other threads wait meanwhile."""
_REMEMBERED = 4 * _PIECE
"""Bytes up to which a parser is used again; it keeps memory for the longest text that it has read."""
_OPENING = 256
"""Bytes in which all brackets of a list's first row are expected to open."""

Kind = Literal["d", "i", "u"]
_WIDE = {"d": np.float64, "i": np.int64, "u": np.uint64}


class _Parsers(threading.local):
    """A parser for each thread."""

    def __init__(self) -> None:
        self.mine = simdjson.Parser()


_parsers = _Parsers()


def numbers(text: bytes, dtype: DataType) -> Array | None:
    """The list that ``text`` is as an array of ``dtype``, or ``None`` when that needs a closer look."""
    if not text.startswith(b"[") or (dtype not in FLOATS and dtype not in INTEGERS):
        return None
    kind: Kind = "d" if dtype in FLOATS else "u" if dtype is DataType.UINT64 else "i"
    try:
        return as_dtype(_read(text, kind), dtype)
    except (ValueError, TypeError, RuntimeError, OverflowError):
        return None


def _read(text: bytes, kind: Kind) -> Array:
    """The list as an array; raises simdjson's errors, or ``ValueError`` when it is no regular list."""
    rows = 0
    inner: tuple[int, ...] | None = None
    parts = []
    for piece in _pieces(text):
        parser = _parsers.mine if len(piece) <= _REMEMBERED else simdjson.Parser()
        found = cast(simdjson.Array, parser.parse(piece))
        values = np.frombuffer(found.as_buffer(of_type=kind), _WIDE[kind])
        del found  # it would keep the parser from its next text
        shape = _shape(piece, values.size)
        if inner not in (None, shape[1:]):
            raise ValueError("rows of different shapes")
        parts.append(values)
        rows, inner = rows + shape[0], shape[1:]
    return (np.concatenate(parts) if len(parts) > 1 else parts[0]).reshape(rows, *(inner or ()))


def _pieces(text: bytes) -> Iterator[bytes]:
    """``text`` as lists of some of its rows each; one that is cut elsewhere than between rows is no JSON."""
    if len(text) <= _PIECE:
        yield text
        return
    depth = _depth(text[:_OPENING].translate(None, _WITHIN_NUMBERS))
    row_end = b"]" * (depth - 1) + b","
    begin = 1
    while (end := text.find(row_end, begin + _PIECE)) >= 0:
        end += depth - 1
        yield b"[" + text[begin:end] + b"]"
        begin = end + 1
    yield b"[" + text[begin:]


def _shape(text: bytes, size: int) -> tuple[int, ...]:
    """The shape of the list that ``text`` is, with so many numbers in all; ``ValueError`` if it has none."""
    lists = text.count(b"[")
    if not size:
        raise ValueError("no numbers")
    if lists == 1:
        return (size,)
    if lists == 2 and text.startswith(b"[[") and text.endswith(b"]]"):
        return (1, size)
    shape = _regular_shape(text.translate(None, _WITHIN_NUMBERS))
    if size != prod(shape):
        raise ValueError("an empty list among others")
    return shape


def _regular_shape(pattern: bytes) -> tuple[int, ...]:
    """The shape of the list whose text is ``pattern`` without its digits; ``ValueError`` if it has none."""
    depth = _depth(pattern)
    if not 1 <= depth <= MAX_RANK:
        raise ValueError("not a list that an array can hold")
    shape: list[int] = []
    repeated = b""
    for level in range(1, depth + 1):
        length = pattern.index(b"]" * level) + 2 * level - depth - 2  # of what is within the brackets
        size = (length + 1) // (len(repeated) + 1)
        repeated = b"[" + (repeated + b",") * (size - 1) + repeated + b"]"
        shape.insert(0, size)
    if repeated != pattern:
        raise ValueError("not a regular list")
    return tuple(shape)


def _depth(pattern: bytes) -> int:
    return len(pattern) - len(pattern.lstrip(b"["))
