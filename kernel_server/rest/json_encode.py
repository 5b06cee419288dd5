"""Arrays to the JSON of a Predict reply.

Floats are written with the fewest digits that read back as the same value of their type, ``.0``
included for whole numbers. TensorFlow Serving spends up to 9 digits on a float; the value is the same.
"""

from __future__ import annotations

import json
from base64 import b64encode
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
import orjson

from kernel_server.core.dtypes import DataType
from kernel_server.core.servable import Array
from kernel_server.errors import InvalidArgument

_BYTES_SUFFIX = "_bytes"
"""String outputs named so hold bytes, written as base64."""

_WRITABLE = frozenset(
    dtype.numpy
    for dtype in (
        DataType.FLOAT,
        DataType.DOUBLE,
        DataType.INT8,
        DataType.INT16,
        DataType.INT32,
        DataType.INT64,
        DataType.UINT8,
        DataType.UINT32,
        DataType.UINT64,
        DataType.BOOL,
        DataType.STRING,
    )
)


def encode(outputs: Mapping[str, Array], *, in_rows: bool) -> bytes:
    """The reply body: ``predictions`` in row format, ``outputs`` in column format.

    Raises :class:`InvalidArgument` when ``outputs`` is empty or holds a type without a JSON form, and,
    in row format, when the first dimensions are not all there and equal.
    """
    if not outputs:
        raise InvalidArgument("Cannot convert empty tensor map to JSON")
    _check_types(outputs)
    if in_rows:
        _check_rows(outputs)
    quick = _quickly(outputs, in_rows)
    return _exactly(outputs, in_rows) if quick is None else quick


def _quickly(outputs: Mapping[str, Array], in_rows: bool) -> bytes | None:
    """What orjson writes, unless it would write it differently: strings, NaN and infinities."""
    if any(array.dtype.kind == "O" for array in outputs.values()):
        return None
    arrays = {name: _contiguous(array) for name, array in outputs.items()}
    text = orjson.dumps(_arrange(arrays, in_rows), option=orjson.OPT_SERIALIZE_NUMPY)
    return None if b"null" in text else text


def _exactly(outputs: Mapping[str, Array], in_rows: bool) -> bytes:
    values = {
        name: plain_values(array, as_base64=name.endswith(_BYTES_SUFFIX)) for name, array in outputs.items()
    }
    text = json.dumps(_arrange(values, in_rows), ensure_ascii=False, separators=(",", ":"))
    return text.encode(errors="surrogateescape")


def _check_types(outputs: Mapping[str, Array]) -> None:
    for array in outputs.values():
        if array.dtype not in _WRITABLE:
            label = DataType.of(array.dtype).label
            raise InvalidArgument(f"Failed to write JSON value for tensor type: {label}")


def _check_rows(outputs: Mapping[str, Array]) -> None:
    rows: int | None = None
    for name, array in outputs.items():
        if not array.ndim:
            raise InvalidArgument(f"Tensor name: {name} has no shape information ")
        if rows is not None and len(array) != rows:
            raise InvalidArgument(
                f"Tensor name: {name} has inconsistent batch size: {len(array)} expecting: {rows}"
            )
        rows = len(array)


def _arrange(columns: Mapping[str, Iterable[Any]], in_rows: bool) -> dict[str, object]:
    key = "predictions" if in_rows else "outputs"
    if len(columns) == 1:
        return {key: next(iter(columns.values()))}
    if not in_rows:
        return {key: columns}
    return {key: [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]}


def _contiguous(array: Array) -> Any:
    """What orjson takes: rows in C order, a scalar instead of an array of rank 0."""
    return array[()] if array.flags.c_contiguous else array.copy()


def plain_values(array: Array, *, as_base64: bool = False) -> Any:
    """Nested lists of what the standard library writes as wanted; strings as text or ``as_base64``.

    Text is to be encoded with ``errors="surrogateescape"``, which gives back bytes that are none.
    """
    if array.dtype == np.float32:
        # Through text, for the shortest digits of the float rather than those of its double.
        return array.astype("U32").astype(np.float64).tolist()
    if array.dtype.kind != "O":
        return array.tolist()
    convert = _base64 if as_base64 else _text
    texts = [convert(value) for value in array.ravel().tolist()]
    return np.array(texts, object).reshape(array.shape).tolist()


def _base64(value: bytes) -> dict[str, str]:
    return {"b64": b64encode(value).decode()}


def _text(value: bytes) -> str:
    return value.decode(errors="surrogateescape")
