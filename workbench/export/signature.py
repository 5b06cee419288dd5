"""What a SavedModel on disk offers to a server: its signatures, and whether each can be batched."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

DEFAULT_SIGNATURE = "serving_default"
INITIALISATION_SIGNATURE = "__saved_model_init_op"


@dataclass(frozen=True, slots=True)
class TensorInfo:
    """A named input or output. ``shape`` is None when the rank is unknown; a free dimension is None."""

    name: str
    dtype: str
    shape: tuple[int | None, ...] | None

    def __str__(self) -> str:
        if self.shape is None:
            return f"{self.name}: {self.dtype} of any shape"
        dimensions = ", ".join("?" if size is None else str(size) for size in self.shape)
        return f"{self.name}: {self.dtype}[{dimensions}]"


@dataclass(frozen=True, slots=True)
class Signature:
    """One way to call the model."""

    name: str
    inputs: tuple[TensorInfo, ...]
    outputs: tuple[TensorInfo, ...]

    @property
    def obstacle_to_batching(self) -> str | None:
        """Why requests cannot be joined along dimension 0, or None when they can."""
        if not self.inputs:
            return "it has no inputs"
        for kind, tensors in (("input", self.inputs), ("output", self.outputs)):
            for tensor in tensors:
                if tensor.shape == ():
                    return f"{kind} '{tensor.name}' is a scalar"
                if tensor.shape is not None and tensor.shape[0] is not None:
                    return f"the first dimension of {kind} '{tensor.name}' is fixed to {tensor.shape[0]}"
        return None

    def __str__(self) -> str:
        obstacle = self.obstacle_to_batching
        return "\n".join(
            [
                f"{self.name}: {'batchable' if obstacle is None else f'not batchable, {obstacle}'}",
                *(f"  in   {tensor}" for tensor in self.inputs),
                *(f"  out  {tensor}" for tensor in self.outputs),
            ]
        )


def read_signatures(saved_model: Path, tag: str = "serve") -> tuple[Signature, ...]:
    """The signatures as the files declare them, the default one first.

    What a server will see is what was written, not what was meant: names may have been changed by the
    tracing and output shapes are known only after it.
    """
    from tensorflow.core.protobuf import saved_model_pb2

    content = saved_model_pb2.SavedModel.FromString((saved_model / "saved_model.pb").read_bytes())
    graph = next(graph for graph in content.meta_graphs if tag in graph.meta_info_def.tags)
    names = sorted(graph.signature_def, key=lambda name: (name != DEFAULT_SIGNATURE, name))
    return tuple(
        Signature(
            name, _tensors(graph.signature_def[name].inputs), _tensors(graph.signature_def[name].outputs)
        )
        for name in names
        if name != INITIALISATION_SIGNATURE
    )


def _tensors(declared: Mapping[str, Any]) -> tuple[TensorInfo, ...]:
    return tuple(_tensor(name, declared[name]) for name in sorted(declared))


def _tensor(name: str, declared: Any) -> TensorInfo:
    import tensorflow as tf

    shape = declared.tensor_shape
    sizes = None if shape.unknown_rank else tuple(None if dim.size < 0 else dim.size for dim in shape.dim)
    return TensorInfo(name, tf.dtypes.as_dtype(declared.dtype).name, sizes)
