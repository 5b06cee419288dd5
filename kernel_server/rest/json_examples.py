"""The body of a Classify or Regress request: JSON objects to serialized ``tensorflow.Example`` messages.

Source of the messages' layout: ``tensorflow/core/example/{example,feature}.proto``.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from kernel_server.errors import InvalidArgument
from kernel_server.handlers.examples import Examples
from kernel_server.rest.json_body import JsonBody
from kernel_server.rest.json_tensor import decode_base64, is_base64, json_type
from kernel_server.wire_format import delimited, varint

_KIND_NAMES = {bytes: "bytes", float: "float", int: "int64"}
_BYTES_LIST, _FLOAT_LIST, _INT64_LIST = 1, 2, 3
_LARGEST_INT64 = 2**63 - 1
_TWOS_COMPLEMENT = 2**64 - 1


class ExamplesBody(JsonBody):
    """A request with ``examples`` and perhaps a ``context``, both made of features by name."""

    __slots__ = ()

    def examples(self) -> Examples:
        """The examples and their context; raises :class:`InvalidArgument` naming what is wrong with them."""
        context = b""
        if "context" in self._document:
            context = encode_example(self._document["context"])
        return Examples([encode_example(value) for value in self._values()], context)

    def _values(self) -> list[object]:
        if "examples" not in self._document:
            # TensorFlow Serving says so of regress, too.
            raise self._malformed("When method is classify, key 'examples' is expected and was not found")
        values = self._document["examples"]
        if not isinstance(values, list):
            raise self._malformed("Expecting 'examples' value to be an list/array")
        if not values:
            raise self._malformed("'examples' value is an empty array")
        return values


def encode_example(value: object) -> bytes:
    """A JSON object of features as a serialized Example.

    Strings and base64 objects become bytes, numbers with a decimal point floats, whole numbers and
    booleans int64; a list holds values of one kind. Raises :class:`InvalidArgument`.
    """
    if not isinstance(value, Mapping):
        raise InvalidArgument(f"Example must be JSON object but got JSON {json_type(value)}")
    features = b"".join(
        delimited(1, delimited(1, name.encode()) + delimited(2, _encode_feature(name, content)))
        for name, content in value.items()
    )
    return delimited(1, features)


def _encode_feature(name: str, content: object) -> bytes:
    match _leaves(name, content if isinstance(content, list) else [content]):
        case []:
            return b""
        case [bytes(), *_] as texts:
            return delimited(_BYTES_LIST, b"".join([delimited(1, text) for text in texts]))
        case [float(), *_] as floats:
            with np.errstate(over="ignore"):  # a number beyond the range of a float is infinity
                return delimited(_FLOAT_LIST, delimited(1, np.array(floats).astype("<f4").tobytes()))
        case integers:
            packed = b"".join([varint(integer & _TWOS_COMPLEMENT) for integer in integers])
            return delimited(_INT64_LIST, delimited(1, packed))


def _leaves(name: str, values: list[Any]) -> list[Any]:
    """The values of a feature, all of one of the types in :data:`_KIND_NAMES`."""
    if set(map(type, values)) == {float}:
        return values
    leaves: list[Any] = []
    for value in values:
        leaf = _leaf(name, value)
        if leaves and type(leaf) is not type(leaves[0]):
            kind = _KIND_NAMES[type(leaves[0])]
            raise InvalidArgument(
                f"Unexpected element type in feature: {name} expecting type: {kind}. Numbers with a decimal "
                "point are float, whole numbers and booleans int64, strings and b64 objects bytes."
            )
        leaves.append(leaf)
    return leaves


def _leaf(name: str, value: object) -> bytes | float | int:
    if isinstance(value, str):
        return value.encode()
    if isinstance(value, float):
        return value
    if isinstance(value, int):
        if value > _LARGEST_INT64:
            raise InvalidArgument(f"Feature: {name} has uint64_t element. Only int64_t is supported.")
        return int(value)
    if is_base64(value):
        return decode_base64(value)
    raise InvalidArgument(f"Feature: {name} has element with unexpected JSON type: {json_type(value)}")
