"""Signatures as ``SignatureDef`` messages."""

from __future__ import annotations

from collections.abc import Mapping

from tensorflow.core.protobuf import meta_graph_pb2
from tensorflow_serving.apis import get_model_metadata_pb2

from kernel_server.core.signature import Signature, TensorSpec
from kernel_server.tensor_protos import encode_tensor


def signature_def_map(signatures: Mapping[str, Signature]) -> get_model_metadata_pb2.SignatureDefMap:
    """Every signature, as GetModelMetadata answers it."""
    message = get_model_metadata_pb2.SignatureDefMap()
    for name, signature in signatures.items():
        definition = message.signature_def[name]
        definition.method_name = signature.method_name
        for key, spec in signature.inputs.items():
            _fill(definition.inputs[key], spec)
        for key, spec in signature.outputs.items():
            _fill(definition.outputs[key], spec)
        for key, value in signature.defaults.items():
            definition.defaults[key].MergeFromString(encode_tensor(value))
    return message


def _fill(info: meta_graph_pb2.TensorInfo, spec: TensorSpec) -> None:
    info.name = spec.tensor_name
    info.dtype = spec.wire_dtype
    if spec.shape is None:
        info.tensor_shape.unknown_rank = True
    else:
        info.tensor_shape.SetInParent()
        for size in spec.shape:
            info.tensor_shape.dim.add(size=size)
