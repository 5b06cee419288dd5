"""Servables that answer each signature with one function on arrays, and the strings in such arrays."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from kernel_server.core.dtypes import DataType
from kernel_server.core.servable import Array, Runner, Servable
from kernel_server.core.signature import Signature, TensorSpec
from kernel_server.errors import InvalidArgument

Function = Callable[..., Mapping[str, Array]]
"""Takes the inputs of a signature in their order; answers all its outputs by name."""


class FunctionServable(Servable):
    """Answers signatures with functions; computes all outputs and hands out those asked for.

    A ``ValueError`` is taken for a refusal of the values.
    """

    def __init__(self, functions: Mapping[str, tuple[Signature, Function]]) -> None:
        self._functions = functions

    @property
    def signatures(self) -> Mapping[str, Signature]:
        """What was given."""
        return {name: signature for name, (signature, _) in self._functions.items()}

    def runner(self, signature: str, outputs: Sequence[str]) -> Runner:
        """The signature's function; see :meth:`Servable.runner`."""
        _, function = self._functions[signature]

        def run(inputs: Sequence[Array]) -> Sequence[Array]:
            try:
                answers = function(*inputs)
            except ValueError as error:
                raise InvalidArgument(str(error)) from error
            return [answers[name] for name in outputs]

        return run


def column(name: str, dtype: DataType, *shape: int) -> dict[str, TensorSpec]:
    """One named tensor of any number of rows, each of ``shape``."""
    return {name: TensorSpec(name, dtype, (-1, *shape))}


def to_text(array: Array) -> Array:
    """Strings as they come in a request, bytes, as ``str``; raises ``InvalidArgument`` if not UTF-8."""
    try:
        return _each(lambda value: value.decode(), array)
    except UnicodeDecodeError as error:
        raise InvalidArgument(f"the model takes text, and this is not UTF-8: {error}") from error


def to_bytes(array: Array) -> Array:
    """Strings of any kind as they go into an answer: an object array of ``bytes``."""
    return _each(lambda value: value if isinstance(value, bytes) else str(value).encode(), array)


def _each(convert: Callable[[Any], object], array: Array) -> Array:
    converted = np.empty(array.size, object)
    converted[:] = [convert(value) for value in array.flat]
    return converted.reshape(array.shape)
