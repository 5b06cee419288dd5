"""Regress: one value for each example.

Source: ``tensorflow_serving/servables/tensorflow/regressor.cc``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from kernel_server.core.dtypes import DataType
from kernel_server.core.servable import Array
from kernel_server.core.signature import REGRESS, Signature
from kernel_server.handlers.examples import (
    ExampleMethod,
    UnsuitableOutput,
    UnsuitableSignature,
    element_type,
    shape_text,
)
from kernel_server.handlers.signatures import describe

OUTPUTS = "outputs"


@dataclass(frozen=True, slots=True)
class Regressions:
    """One 32-bit float for each example."""

    values: Array


class Regress(ExampleMethod):
    """Signatures whose one output is called ``outputs``."""

    method_name = REGRESS
    noun = "regression"

    def _check_number_of_outputs(self, signature: Signature) -> None:
        if len(signature.outputs) != 1:
            raise UnsuitableSignature(
                "Expected one output Tensor. "
                f"Signature '{signature.name}' has {len(signature.outputs)}; call Predict instead."
            )

    def _find_outputs(self, signature: Signature) -> tuple[str, ...]:
        if OUTPUTS not in signature.outputs:
            raise UnsuitableSignature(f"No regression outputs found in SignatureDef: {describe(signature)}")
        return (OUTPUTS,)

    def read(self, outputs: Mapping[str, Array], examples: int) -> Regressions:
        """The values, after checks of their shape and type."""
        output = outputs[OUTPUTS]
        if output.ndim != 1 and output.shape[1:] != (1,):
            raise UnsuitableOutput(
                "Expected output Tensor shape to be either [batch_size] or [batch_size, 1] "
                f"but got {shape_text(output)}"
            )
        if len(output) != examples:
            raise UnsuitableOutput(
                f"Input batch size did not match output batch size: {examples} vs. {len(output)}"
            )
        if output.dtype != DataType.FLOAT.numpy:
            raise UnsuitableOutput(f"Expected output Tensor of DT_FLOAT.  Got: {element_type(output)}")
        return Regressions(output.reshape(examples))
