"""The body of a Predict request: rows (``instances``) or columns (``inputs``) to named arrays.

Checks come in TensorFlow Serving's order and words. Whole requests are converted at once by numpy;
only one that this refuses is gone through item by item, to find what to blame.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np

from kernel_server.core.dtypes import DataType
from kernel_server.core.servable import Array
from kernel_server.core.signature import Signature
from kernel_server.core.status_text import status_text
from kernel_server.errors import InvalidArgument, ServingError
from kernel_server.rest.json_body import JsonBody
from kernel_server.rest.json_parse import echo
from kernel_server.rest.json_tensor import exact_array, is_base64, quick_array


class PredictBody(JsonBody):
    """A request with ``instances`` or ``inputs``."""

    __slots__ = ()

    @property
    def in_rows(self) -> bool:
        """Whether the request, and so the reply, is in row format."""
        return "instances" in self._document

    def arrays(self, signature: Signature) -> dict[str, Array]:
        """The inputs of ``signature``. Raises :class:`InvalidArgument` naming what does not fit it."""
        if not signature.inputs:
            raise InvalidArgument(
                f"Failed to get input map for signature: {self.signature_name or 'DEFAULT'}"
            )
        if not self.in_rows:
            if "inputs" not in self._document:
                raise InvalidArgument("Missing 'inputs' or 'instances' key")
            return _columns(self._document["inputs"], signature)
        return _rows(self._instances(), signature)

    def _instances(self) -> list[Any]:
        if "inputs" in self._document:
            raise self._malformed(
                "Not formatted correctly expecting only one of 'inputs' or 'instances' keys to exist "
            )
        instances = self._document["instances"]
        if not isinstance(instances, list):
            raise self._malformed("Expecting 'instances' to be an list/array")
        if not instances:
            raise self._malformed("No values in 'instances' array")
        return instances


def _columns(value: object, signature: Signature) -> dict[str, Array]:
    specs = signature.inputs
    if isinstance(value, dict) and not is_base64(value):
        for name in specs:
            if name not in value:
                raise InvalidArgument(f"Missing named input: {name} in 'inputs' object.")
        values = value
    elif len(specs) > 1:
        raise InvalidArgument(
            "inputs is a plain value/list, but expecting an object as multiple input tensors "
            "required as per tensorinfo_map"
        )
    else:
        values = dict.fromkeys(specs, value)
    return {name: _array(values[name], spec.dtype) for name, spec in specs.items()}


def _rows(items: list[Any], signature: Signature) -> dict[str, Array]:
    columns = _gather(items, signature)
    if columns is None:
        return _exact_rows(items, signature)
    arrays = {}
    for name, column in columns.items():
        array = quick_array(column, signature.inputs[name].dtype)
        if array is None:
            return _exact_rows(items, signature)
        arrays[name] = array
    return arrays


def _array(value: object, dtype: DataType) -> Array:
    array = quick_array(value, dtype)
    return exact_array(value, dtype) if array is None else array


def _gather(items: list[Any], signature: Signature) -> dict[str, list[Any]] | None:
    """Items turned into one list per input, or ``None`` when they are not all of one kind."""
    specs = signature.inputs
    if dict not in set(map(type, items)) or not any(map(_is_object, items)):
        return {next(iter(specs)): items} if len(specs) == 1 else None
    names = specs.keys()
    if all(_is_object(item) and item.keys() == names for item in items):
        return {name: [item[name] for item in items] for name in names}
    return None


def _is_object(item: object) -> bool:
    return isinstance(item, dict) and not is_base64(item)


def _exact_rows(items: list[Any], signature: Signature) -> dict[str, Array]:
    objects = _is_object(items[0])
    if not objects and len(signature.inputs) > 1:
        raise InvalidArgument(
            "instances is a plain list, but expecting list of objects as multiple input tensors "
            "required as per tensorinfo_map"
        )
    columns: dict[str, list[Array]] = {name: [] for name in signature.inputs}
    for index, item in enumerate(items):
        if objects != _is_object(item):
            expected, got = ("object", "list") if objects else ("value/list", "object")
            raise InvalidArgument(f"Expecting {expected} but got {got} at item {index} of input list")
        if objects:
            _add_object(index, item, signature, columns)
        else:
            _add_value(f"{index}", item, next(iter(columns)), signature, columns)
    return {name: np.stack(column) for name, column in columns.items()}


def _add_object(
    index: int, item: dict[str, Any], signature: Signature, columns: dict[str, list[Array]]
) -> None:
    for name, value in item.items():
        _add_value(f"{index} key: {name}", value, name, signature, columns)
    if item.keys() != columns.keys():
        raise InvalidArgument(
            f"Failed to process element: {index} of 'instances' list. JSON object: {echo(item)} "
            f"keys must be equal to: {_joined(sorted(columns))}"
        )


def _add_value(
    place: str, value: object, name: str, signature: Signature, columns: dict[str, list[Array]]
) -> None:
    try:
        if name not in columns:
            raise InvalidArgument(f"JSON object: does not have named input: {name}")
        array = exact_array(value, signature.inputs[name].dtype)
        _check_alike(array, columns[name])
    except ServingError as error:
        raise InvalidArgument(
            f"Failed to process element: {place} of 'instances' list. Error: {status_text(error)}"
        ) from error
    columns[name].append(array)


def _check_alike(array: Array, others: list[Array]) -> None:
    first = others[0] if others else array
    if array.size != first.size:
        raise InvalidArgument(f"Expecting tensor size: {first.size} but got: {array.size}")
    if array.shape != first.shape:
        raise InvalidArgument(f"Expecting shape [{_joined(first.shape)}] but got: [{_joined(array.shape)}]")


def _joined(parts: Iterable[object]) -> str:
    return ",".join(map(str, parts))
