"""What is told about a version: frozen data, ready to become JSON."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from kernel_server.core.signature import TensorSpec


@dataclass(frozen=True, slots=True)
class Trial:
    """The median time of a run over so many rows; ``rows`` is ``None`` where they cannot be chosen."""

    rows: int | None
    milliseconds: float


@dataclass(frozen=True, slots=True)
class Tensor:
    """An input or output; -1 is a free dimension, no shape an unknown rank."""

    dtype: str
    shape: tuple[int, ...] | None

    @classmethod
    def of(cls, spec: TensorSpec) -> Tensor:
        """What a client should know of ``spec``."""
        return cls(spec.dtype.label, spec.shape)


@dataclass(frozen=True, slots=True)
class SignatureReport:
    """One way to call the model.

    ``obstacle_to_batching`` is ``None`` where requests can share a batch; ``trial_error`` tells why the
    model refused made-up values.
    """

    method_name: str
    inputs: Mapping[str, Tensor]
    outputs: Mapping[str, Tensor]
    obstacle_to_batching: str | None
    trials: tuple[Trial, ...]
    trial_error: str | None


@dataclass(frozen=True, slots=True)
class GraphReport:
    """One graph of a SavedModel, with the operations of its functions, most frequent first."""

    tags: tuple[str, ...]
    tensorflow_version: str
    operations: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class VersionReport:
    """A version folder. ``graphs`` and ``parameters``, the numbers in its variables, are a SavedModel's."""

    path: Path
    file_bytes: int
    load_seconds: float
    graphs: tuple[GraphReport, ...]
    parameters: int
    signatures: Mapping[str, SignatureReport]
