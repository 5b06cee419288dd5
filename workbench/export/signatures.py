"""What a SavedModel on disk offers to a server: its signatures, and whether requests can share a batch."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from workbench.metadata import DEFAULT_SIGNATURE, Signature, TensorInfo

_INITIALISATION = "__saved_model_init_op"


def obstacle_to_batching(signature: Signature) -> str | None:
    """Why requests to ``signature`` cannot be joined along dimension 0, or None when they can.

    An unknown rank is given the benefit of the doubt, as TensorFlow Serving does.
    """
    if not signature.inputs:
        return "it has no inputs"
    for kind, tensors in (("input", signature.inputs), ("output", signature.outputs)):
        for name, tensor in tensors.items():
            if tensor.shape == ():
                return f"{kind} '{name}' is a scalar"
            if tensor.shape is not None and tensor.shape[0] != -1:
                return f"the first dimension of {kind} '{name}' is fixed to {tensor.shape[0]}"
    return None


def read_signatures(saved_model: Path, tag: str = "serve") -> tuple[Signature, ...]:
    """The signatures as the files declare them, the default one first.

    What a server will see is what was written, not what was meant: tracing may change names, and output
    shapes are known only after it.
    """
    from tensorflow.core.protobuf import saved_model_pb2

    content = saved_model_pb2.SavedModel.FromString((saved_model / "saved_model.pb").read_bytes())
    definitions = next(g for g in content.meta_graphs if tag in g.meta_info_def.tags).signature_def
    names = sorted(definitions, key=lambda name: (name != DEFAULT_SIGNATURE, name))
    return tuple(_signature(name, definitions[name]) for name in names if name != _INITIALISATION)


def _signature(name: str, definition: Any) -> Signature:
    return Signature(name, _tensors(definition.inputs), _tensors(definition.outputs), definition.method_name)


def _tensors(declared: Mapping[str, Any]) -> dict[str, TensorInfo]:
    return {name: _tensor(declared[name]) for name in sorted(declared)}


def _tensor(declared: Any) -> TensorInfo:
    import tensorflow as tf

    shape = declared.tensor_shape
    sizes = None if shape.unknown_rank else tuple(dim.size for dim in shape.dim)
    return TensorInfo(np.dtype(tf.dtypes.as_dtype(declared.dtype).as_numpy_dtype), sizes)
