"""What a served model accepts and answers, as the server tells it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

DEFAULT_SIGNATURE = "serving_default"


@dataclass(frozen=True, slots=True)
class TensorInfo:
    """One named input or output.

    ``dtype`` is ``None`` for a type that numpy cannot carry. ``shape`` is ``None`` when the rank is
    unknown; a dimension of -1 is free.
    """

    dtype: np.dtype[Any] | None
    shape: tuple[int, ...] | None

    def __str__(self) -> str:
        kind = "?" if self.dtype is None else "string" if self.dtype.kind == "O" else str(self.dtype)
        if self.shape is None:
            return f"{kind} [...]"
        return f"{kind} [{', '.join('?' if size == -1 else str(size) for size in self.shape)}]"


@dataclass(frozen=True, slots=True)
class Signature:
    """One way to call a model. Inputs and outputs are in alphabetical order."""

    name: str
    inputs: Mapping[str, TensorInfo]
    outputs: Mapping[str, TensorInfo]
    method_name: str

    def __str__(self) -> str:
        return f"{self.name}({_listed(self.inputs)}) -> {_listed(self.outputs)}"


@dataclass(frozen=True, slots=True)
class ModelMetadata:
    """The signatures of one model version."""

    model: str
    version: int
    signatures: Mapping[str, Signature]

    def __str__(self) -> str:
        lines = [f"  {signature}" for signature in self.signatures.values()]
        return "\n".join([f"{self.model}, version {self.version}", *lines])


def _listed(tensors: Mapping[str, TensorInfo]) -> str:
    return ", ".join(f"{name}: {info}" for name, info in tensors.items())
