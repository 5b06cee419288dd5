"""The common Predict request, quickly: one list of numbers for a signature with one input.

Only what is beyond doubt is taken; everything else, every error among it, is left to :mod:`.json_decode`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import orjson

from kernel_server.core.servable import Array
from kernel_server.core.signature import DEFAULT_SIGNATURE, Signature
from kernel_server.rest.json_numbers import numbers

_WORTH_IT = 1024
"""Bytes from which this is quicker than making a Python object of every number."""


class Quick(NamedTuple):
    """A decoded request."""

    in_rows: bool
    signature_name: str
    inputs: dict[str, Array]


def quick_predict(text: bytes, signatures: Mapping[str, Signature]) -> Quick | None:
    """The request if it holds one list, all numbers, for a signature with one input; else ``None``."""
    begin, end = text.find(b"["), text.rfind(b"]") + 1
    if len(text) < _WORTH_IT or not 0 <= begin < end:
        return None
    outline = _outline(text[:begin] + b"[]" + text[end:])
    name = outline.get("signature_name", "")
    signature = signatures.get(name or DEFAULT_SIGNATURE) if isinstance(name, str) else None
    if signature is None or len(signature.inputs) != 1:
        return None
    ((alias, spec),) = signature.inputs.items()
    in_rows = "instances" in outline
    if not _holds_list(outline, alias, in_rows):
        return None
    array = numbers(text[begin:end], spec.dtype)
    return None if array is None else Quick(in_rows, name or DEFAULT_SIGNATURE, {alias: array})


def _outline(text: bytes) -> dict[str, Any]:
    """The request with its list emptied; nothing when it is no JSON object."""
    try:
        document = orjson.loads(text)
    except orjson.JSONDecodeError:
        return {}
    return document if isinstance(document, dict) else {}


def _holds_list(outline: dict[str, Any], alias: str, in_rows: bool) -> bool:
    """Whether the list that was emptied is what the only input is to be made of."""
    if in_rows:
        return "inputs" not in outline and outline["instances"] == []
    inputs = outline.get("inputs")
    return inputs == [] or (isinstance(inputs, dict) and inputs.get(alias) == [])
