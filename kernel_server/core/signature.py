"""What a servable accepts and answers: named tensors with element type and shape."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from kernel_server.core.dtypes import REF_OFFSET, DataType

PREDICT = "tensorflow/serving/predict"
CLASSIFY = "tensorflow/serving/classify"
REGRESS = "tensorflow/serving/regress"
DEFAULT_SIGNATURE = "serving_default"


@dataclass(frozen=True, slots=True)
class TensorSpec:
    """One named input or output.

    ``shape`` is ``None`` when the rank is unknown; a dimension of -1 is free. ``wire_dtype`` is the
    number as the model declares it, which for old graphs may be a reference type.
    """

    tensor_name: str
    wire_dtype: int
    shape: tuple[int, ...] | None

    @property
    def dtype(self) -> DataType:
        """The element type, reference types resolved to their base."""
        return DataType(self.wire_dtype % REF_OFFSET)


@dataclass(frozen=True, slots=True)
class Signature:
    """One way to call a servable: TensorFlow's ``SignatureDef``.

    ``defaults`` are the values of inputs that a request may leave out.
    """

    name: str
    inputs: Mapping[str, TensorSpec]
    outputs: Mapping[str, TensorSpec]
    method_name: str = PREDICT
    defaults: Mapping[str, NDArray[np.generic]] = field(default_factory=dict)

    @property
    def obstacle_to_batching(self) -> str | None:
        """Why requests to this signature cannot share a batch, or ``None`` when they can.

        A batch is a concatenation along dimension 0, so every input and output needs one that is
        free. An unknown rank is given the benefit of the doubt, as TensorFlow Serving does.
        """
        if not self.inputs:
            return "it has no inputs"
        for kind, specs in (("input", self.inputs), ("output", self.outputs)):
            for name, spec in specs.items():
                if spec.shape is None:
                    continue
                if not spec.shape:
                    return f"{kind} '{name}' is a scalar"
                if spec.shape[0] != -1:
                    return f"the first dimension of {kind} '{name}' is fixed to {spec.shape[0]}"
        return None
