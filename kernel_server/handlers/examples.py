"""Requests whose input is a list of ``tensorflow.Example``, and what they demand of a signature.

Examples stay serialized: it is the graph that parses them. Source:
``tensorflow_serving/servables/tensorflow/{util,classifier,regressor}.cc``.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from kernel_server.core.dtypes import DataType
from kernel_server.core.servable import Array
from kernel_server.core.signature import Signature
from kernel_server.errors import InvalidArgument
from kernel_server.handlers.signatures import describe

INPUTS = "inputs"
"""The name that the one input of such a signature must have."""


class EmptyInput(InvalidArgument):
    """The request carries no example."""

    def __init__(self) -> None:
        super().__init__("Input is empty.")


class UnsuitableSignature(InvalidArgument):
    """The signature cannot answer this kind of request."""


class UnsuitableOutput(InvalidArgument):
    """What the model answered is not what this kind of request promises."""


@dataclass(frozen=True, slots=True)
class Examples:
    """Serialized examples, and a serialized one whose features belong to each of them."""

    serialized: Sequence[bytes]
    context: bytes = b""

    def vector(self) -> Array:
        """The examples as a vector of strings, the context merged into each.

        Messages merge when their bytes are concatenated. Raises :class:`EmptyInput`.
        """
        if not self.serialized:
            raise EmptyInput
        vector = np.empty(len(self.serialized), object)
        vector[:] = (
            [self.context + example for example in self.serialized] if self.context else self.serialized
        )
        return vector


class ExampleMethod(ABC):
    """One kind of inference on examples: which signatures can do it, and what their outputs mean."""

    method_name: ClassVar[str]
    noun: ClassVar[str]

    def outputs(self, signature: Signature, check_method_name: bool) -> tuple[str, ...]:
        """The outputs of ``signature`` that :meth:`read` needs; raises :class:`UnsuitableSignature`."""
        if check_method_name and signature.method_name != self.method_name:
            raise UnsuitableSignature(
                f"Expected {self.noun} signature method_name to be {self.method_name}. "
                f"Was: {signature.method_name}"
            )
        if len(signature.inputs) != 1:
            raise UnsuitableSignature(
                "Expected one input Tensor. "
                f"Signature '{signature.name}' has {len(signature.inputs)}; call Predict instead."
            )
        self._check_number_of_outputs(signature)
        if INPUTS not in signature.inputs:
            raise UnsuitableSignature(f"No {self.noun} inputs found in SignatureDef: {describe(signature)}")
        return self._find_outputs(signature)

    @abstractmethod
    def read(self, outputs: Mapping[str, Array], examples: int) -> object:
        """What the outputs say of each of the ``examples``; raises :class:`UnsuitableOutput`."""

    @abstractmethod
    def _check_number_of_outputs(self, signature: Signature) -> None: ...

    @abstractmethod
    def _find_outputs(self, signature: Signature) -> tuple[str, ...]: ...


def shape_text(array: Array) -> str:
    """The shape as TensorFlow writes it: ``[2,3]``."""
    return f"[{','.join(map(str, array.shape))}]"


def element_type(array: Array) -> str:
    """The element type as TensorFlow's enumeration names it: ``DT_FLOAT``."""
    return f"DT_{DataType.of(array.dtype).name}"
