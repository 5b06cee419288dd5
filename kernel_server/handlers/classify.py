"""Classify: a list of labelled scores for each example.

Source: ``tensorflow_serving/servables/tensorflow/classifier.cc``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from kernel_server.core.dtypes import DataType
from kernel_server.core.servable import Array
from kernel_server.core.signature import CLASSIFY, Signature
from kernel_server.handlers.examples import (
    ExampleMethod,
    UnsuitableOutput,
    UnsuitableSignature,
    element_type,
    shape_text,
)
from kernel_server.handlers.signatures import describe

CLASSES, SCORES = "classes", "scores"


@dataclass(frozen=True, slots=True)
class Classifications:
    """Labels (``bytes``) and scores (32-bit floats), each ``[examples, classes]``.

    What the model does not answer is filled with empty labels or zeros.
    """

    labels: Array
    scores: Array


class Classify(ExampleMethod):
    """Signatures with the outputs ``classes``, ``scores`` or both."""

    method_name = CLASSIFY
    noun = "classification"

    def _check_number_of_outputs(self, signature: Signature) -> None:
        if len(signature.outputs) not in (1, 2):
            raise UnsuitableSignature(
                f"Expected one or two output Tensors, found {len(signature.outputs)}. "
                f"Call Predict for signature '{signature.name}' instead."
            )

    def _find_outputs(self, signature: Signature) -> tuple[str, ...]:
        found = tuple(name for name in (CLASSES, SCORES) if name in signature.outputs)
        if not found:
            raise UnsuitableSignature(
                f'Expected classification signature outputs to contain at least one of "{CLASSES}" or '
                f'"{SCORES}". Signature was: {describe(signature)}'
            )
        return found

    def read(self, outputs: Mapping[str, Array], examples: int) -> Classifications:
        """Labels and scores, after checks of their shapes and types."""
        for name, dtype in ((CLASSES, DataType.STRING), (SCORES, DataType.FLOAT)):
            if name in outputs:
                _check(name, outputs[name], dtype, examples)
        labels, scores = outputs.get(CLASSES), outputs.get(SCORES)
        if labels is None:
            labels = np.full(outputs[SCORES].shape, b"", object)
        if scores is None:
            scores = np.zeros(labels.shape, np.float32)
        if labels.shape != scores.shape:
            raise UnsuitableOutput(
                "Tensors class and score should match in dim_size(1). "
                f"Got {labels.shape[1]} vs. {scores.shape[1]}"
            )
        return Classifications(labels, scores)


def _check(name: str, output: Array, dtype: DataType, examples: int) -> None:
    if output.ndim != 2:
        raise UnsuitableOutput(
            f"Expected Tensor shape: [batch_size num_classes] but got {shape_text(output)}; "
            f"this is the shape of output '{name}'"
        )
    if output.dtype != dtype.numpy:
        raise UnsuitableOutput(f"Expected {name} Tensor of DT_{dtype.name}. Got: {element_type(output)}")
    if len(output) != examples:
        raise UnsuitableOutput(f"Expected {name} output batch size of {examples}. Got: {len(output)}")
