"""What a measurement sends, and what should come back: the user's examples, or random ones."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from math import prod
from typing import Any, NamedTuple

import numpy as np

from workbench.errors import InvalidSetting
from workbench.load.requests import Answers, RequestSet
from workbench.metadata import Signature, TensorInfo
from workbench.target import Target
from workbench.tensors import to_arrays
from workbench.wire.codec import Array

Check = bool | Mapping[int, Any]

_MOST_BYTES = 32 * 2**20
_MOST_REQUESTS = 256
_INTEGERS_BELOW = 10


class _Example(NamedTuple):
    dtype: np.dtype[Any]
    shape: tuple[int, ...]

    @property
    def nbytes(self) -> int:
        return self.dtype.itemsize * prod(self.shape)


def prepare_requests(
    target: Target, signature: Signature, inputs: Any, *, rows: int, seed: int, check: Check
) -> RequestSet:
    """Requests of ``rows`` examples each, with expected answers as ``check`` wants them.

    With ``rows=0`` each example is a whole request. Raises :class:`~workbench.errors.InvalidSetting` for
    inputs that cannot be used or guessed.
    """
    arrays = draw_inputs(signature, rows, seed) if inputs is None else to_arrays(inputs, signature)
    if isinstance(check, Mapping):
        expected = {version: _named(outputs, signature) for version, outputs in check.items()}
        return RequestSet.encode(target.model, arrays, rows=rows, expected=expected, signature=signature.name)
    requests = RequestSet.encode(target.model, arrays, rows=rows, signature=signature.name)
    return replace(requests, expected=_asked(target, signature, arrays, rows)) if check else requests


def is_batchable(signature: Signature) -> bool:
    """Whether every input has a free first dimension, so that a request may carry any number of rows."""
    shapes = [info.shape for info in signature.inputs.values()]
    return bool(shapes) and all(shape is None or shape[:1] == (-1,) for shape in shapes)


def draw_inputs(signature: Signature, rows: int, seed: int) -> dict[str, Array]:
    """Random examples, first axis as :meth:`~workbench.load.requests.RequestSet.encode` wants it.

    Floats are uniform in [0, 1), integers in 0..9. There are enough for 256 different requests, or as many
    as fit into 32 MiB. Raises :class:`~workbench.errors.InvalidSetting` for an input that nobody can guess:
    strings, an unknown rank, a free dimension besides the first.
    """
    examples = {name: _example(name, info, rows) for name, info in signature.inputs.items()}
    request_bytes = max(rows, 1) * sum(example.nbytes for example in examples.values())
    count = max(rows, 1) * min(_MOST_REQUESTS, max(1, _MOST_BYTES // max(request_bytes, 1)))
    generator = np.random.default_rng(seed)
    return {name: _draw(generator, count, example) for name, example in examples.items()}


def _named(outputs: Any, signature: Signature) -> dict[str, Array]:
    if isinstance(outputs, Mapping):
        return {name: np.asarray(array) for name, array in outputs.items()}
    if len(signature.outputs) != 1:
        names = ", ".join(signature.outputs)
        raise InvalidSetting("check", "...", f"the model has the outputs {names}; pass a mapping by name")
    return {next(iter(signature.outputs)): np.asarray(outputs)}


def _asked(
    target: Target, signature: Signature, inputs: Mapping[str, Array], rows: int
) -> dict[int, Answers]:
    """What each available version answers when it is asked request by request."""
    return {
        version: target.answers(
            RequestSet.encode(target.model, inputs, rows=rows, version=version, signature=signature.name)
        )
        for version in target.available_versions()
    }


def _example(name: str, info: TensorInfo, rows: int) -> _Example:
    def refusal(reason: str) -> InvalidSetting:
        return InvalidSetting("inputs", None, f"input '{name}' ({info}) {reason}; pass inputs= with examples")

    if info.dtype is None or info.dtype.kind not in "fiubV":
        raise refusal("cannot be drawn at random")
    if info.shape is None:
        raise refusal("has an unknown rank")
    shape = info.shape[1:] if rows else info.shape
    if -1 in shape:
        raise refusal("has a free dimension besides the first")
    return _Example(info.dtype, shape)


def _draw(generator: np.random.Generator, count: int, example: _Example) -> Array:
    shape = (count, *example.shape)
    match example.dtype.kind:
        case "i" | "u":
            values: Array = generator.integers(0, _INTEGERS_BELOW, shape)
        case "b":
            values = generator.integers(0, 2, shape)
        case _:
            values = generator.random(shape)
    return values.astype(example.dtype)
