"""One JSON value to one array.

numpy converts nested lists quickly but lets through what TensorFlow Serving refuses: ``true`` as 1,
``"1"`` as 1, 1.5 as 1, null as NaN. So :func:`quick_array` converts only what is beyond doubt, and
:func:`exact_array` walks the rest value by value and says what is wrong in TensorFlow Serving's words.
"""

from __future__ import annotations

import math
from base64 import b64decode
from collections.abc import Callable, Mapping
from functools import partial
from itertools import chain
from typing import TypeGuard

import numpy as np

from kernel_server.core.dtypes import DataType
from kernel_server.core.servable import Array
from kernel_server.errors import InvalidArgument, ServingError, Unimplemented
from kernel_server.rest.json_parse import echo

MAX_RANK = 31
"""With a batch dimension in front, what every supported numpy can hold."""

FLOATS = frozenset({DataType.FLOAT, DataType.DOUBLE})
_INT32_RANGE = (-(2**31), 2**31 - 1)
INTEGERS = {
    # Narrow integers travel as int32 and are cut to their width afterwards, as in TensorFlow Serving.
    DataType.INT8: _INT32_RANGE,
    DataType.UINT8: _INT32_RANGE,
    DataType.INT16: _INT32_RANGE,
    DataType.INT32: _INT32_RANGE,
    DataType.INT64: (-(2**63), 2**63 - 1),
    DataType.UINT32: (0, 2**32 - 1),
    DataType.UINT64: (0, 2**64 - 1),
}
_LEAF_TYPES: dict[DataType, frozenset[type]] = {
    **dict.fromkeys(FLOATS, frozenset({int, float})),
    **dict.fromkeys(INTEGERS, frozenset({int})),
    DataType.BOOL: frozenset({bool}),
}
_ALWAYS_WALKED = frozenset({DataType.STRING, DataType.UINT64})
"""numpy would make text of bytes, and numpy 1 wraps negative numbers silently."""
_JSON_TYPES = {
    type(None): "Null",
    dict: "Object",
    list: "Array",
    str: "String",
    int: "Number",
    float: "Number",
}


def quick_array(value: object, dtype: DataType) -> Array | None:
    """``value`` as an array of ``dtype``, or ``None`` when that needs a closer look."""
    try:
        if dtype in _ALWAYS_WALKED:
            return exact_array(value, dtype)
        if _leaf_types(value) <= _LEAF_TYPES.get(dtype, frozenset()):
            return as_dtype(value, dtype)
    except (ServingError, ValueError, TypeError, OverflowError):
        pass
    return None


def exact_array(value: object, dtype: DataType) -> Array:
    """``value`` as an array of ``dtype``; the shape is the nesting of lists, a scalar has none.

    Raises :class:`InvalidArgument` naming the first value of a wrong type or at a wrong place, and
    :class:`Unimplemented` for a type that has no JSON form.
    """
    shape = _nesting(value)
    if len(shape) > MAX_RANK:
        raise InvalidArgument(
            f"Lists are nested {len(shape)} deep; a tensor has at most {MAX_RANK} dimensions"
        )
    leaves: list[object] = []
    _collect(value, 0, shape, _reader(dtype), leaves)
    return as_dtype(leaves, dtype).reshape(shape)


def is_base64(value: object) -> TypeGuard[Mapping[str, str]]:
    """Whether ``value`` stands for bytes: ``{"b64": "..."}`` and nothing else."""
    return isinstance(value, dict) and len(value) == 1 and isinstance(value.get("b64"), str)


def decode_base64(value: Mapping[str, str]) -> bytes:
    """The bytes that a base64 object stands for, padding optional; raises :class:`InvalidArgument`."""
    digits = "".join(value["b64"].split())
    try:
        return b64decode(digits + "=" * (-len(digits) % 4), validate=True)
    except ValueError:
        raise InvalidArgument("Unable to base64 decode") from None


def json_type(value: object) -> str:
    """What RapidJSON calls the type of ``value``: ``Null``, ``True``, ``Number`` and so on."""
    return str(value) if isinstance(value, bool) else _JSON_TYPES[type(value)]


def _leaf_types(value: object) -> set[type]:
    level: list[object] = [value]
    while (types := set(map(type, level))) == {list}:
        level = list(chain.from_iterable(level))  # type: ignore[arg-type]
    return types


def as_dtype(value: object, dtype: DataType) -> Array:
    """Numbers as an array of ``dtype``; ``OverflowError`` for one beyond the range of its integers."""
    if dtype not in INTEGERS:
        with np.errstate(over="ignore"):  # a number beyond the range of a float is infinity
            return np.asarray(value, dtype.numpy)
    array = np.asarray(value, np.uint64 if dtype is DataType.UINT64 else np.int64)
    lowest, highest = INTEGERS[dtype]
    if array.size and (array.min() < lowest or array.max() > highest):
        raise OverflowError
    return array.astype(dtype.numpy)


def _nesting(value: object) -> tuple[int, ...]:
    shape = []
    while isinstance(value, list):
        shape.append(len(value))
        value = value[0] if value else None
    return tuple(shape)


def _collect(
    value: object, level: int, shape: tuple[int, ...], read: Callable[[object], object], leaves: list[object]
) -> None:
    rank = len(shape)
    if not isinstance(value, list):
        if level != rank:
            raise InvalidArgument(
                f"JSON Value: {echo(value)} found at incorrect level: {level + 1} in the JSON DOM. "
                f"Expected at level: {rank}"
            )
        leaves.append(read(value))
        return
    if level >= rank:
        raise InvalidArgument(f"Encountered list at unexpected level: {level} expected < {rank}")
    if len(value) != shape[level]:
        raise InvalidArgument(
            f"Encountered list at unexpected size: {len(value)} at level: {level} "
            f"expected size: {shape[level]}"
        )
    for item in value:
        _collect(item, level + 1, shape, read, leaves)


def _reader(dtype: DataType) -> Callable[[object], object]:
    """What turns one leaf into a value of ``dtype`` or raises."""
    if dtype is DataType.STRING:
        return _read_bytes
    return partial(_read_plain if dtype in _LEAF_TYPES else _refuse, dtype)


def _read_plain(dtype: DataType, value: object) -> object:
    lowest, highest = INTEGERS.get(dtype, (-math.inf, math.inf))
    if type(value) not in _LEAF_TYPES[dtype] or value < lowest or value > highest:  # type: ignore[operator]
        raise _wrong_type(value, dtype)
    return value


def _read_bytes(value: object) -> bytes:
    if isinstance(value, str):
        return value.encode()
    if not isinstance(value, dict):
        raise _wrong_type(value, DataType.STRING)
    if not is_base64(value):
        raise InvalidArgument(f"JSON Value: {echo(value)} not formatted correctly for base64 data")
    return decode_base64(value)


def _refuse(dtype: DataType, value: object) -> object:
    if isinstance(value, dict):
        raise _wrong_type(value, dtype)
    raise Unimplemented(f"Conversion of JSON Value: {echo(value)} to type: {dtype.label}")


def _wrong_type(value: object, dtype: DataType) -> InvalidArgument:
    return InvalidArgument(
        f"JSON Value: {echo(value)} Type: {json_type(value)} is not of expected type: {dtype.label}"
    )
