"""The calls of TensorFlow Serving's gRPC face."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from workbench.metadata import ModelMetadata, Signature, TensorInfo
from workbench.versions import STATES, VersionList, VersionStatus, mark_live
from workbench.wire import serving_pb2
from workbench.wire.calls import Call, ModelRef
from workbench.wire.codec import Array, decode_predict, decode_shape, encode_predict, model_spec
from workbench.wire.dtypes import numpy_of

PREDICT = "/tensorflow.serving.PredictionService/Predict"
GET_MODEL_METADATA = "/tensorflow.serving.PredictionService/GetModelMetadata"
GET_MODEL_STATUS = "/tensorflow.serving.ModelService/GetModelStatus"

_SIGNATURES = "signature_def"


class ProtoCalls:
    """Protobuf messages over ``PredictionService`` and ``ModelService``."""

    def predict(
        self,
        ref: ModelRef,
        signature: Signature,
        inputs: Mapping[str, Array],
        output_filter: Sequence[str],
    ) -> Call[Mapping[str, Array]]:
        """Run ``signature`` on ``inputs``; an empty filter asks for all outputs."""
        body = encode_predict(
            ref.model,
            inputs,
            version=ref.version,
            label=ref.label,
            signature=signature.name,
            output_filter=output_filter,
        )
        return Call(PREDICT, body, lambda data: decode_predict(data).outputs)

    def status(self, ref: ModelRef) -> Call[VersionList]:
        """The state of every version, or of the one asked for."""
        request = serving_pb2.GetModelStatusRequest(model_spec=_spec(ref))
        return Call(GET_MODEL_STATUS, request.SerializeToString(), _parse_status)

    def metadata(self, ref: ModelRef) -> Call[ModelMetadata]:
        """The signatures."""
        request = serving_pb2.GetModelMetadataRequest(model_spec=_spec(ref), metadata_field=[_SIGNATURES])
        return Call(GET_MODEL_METADATA, request.SerializeToString(), _parse_metadata)


def _spec(ref: ModelRef) -> serving_pb2.ModelSpec:
    return model_spec(ref.model, ref.version, ref.label)


def _parse_status(data: bytes) -> VersionList:
    reply = serving_pb2.GetModelStatusResponse.FromString(data)
    return mark_live(
        VersionStatus(item.version, STATES.get(item.state, "UNKNOWN"), item.status.error_message or None)
        for item in reply.model_version_status
    )


def _parse_metadata(data: bytes) -> ModelMetadata:
    reply = serving_pb2.GetModelMetadataResponse.FromString(data)
    definitions = serving_pb2.SignatureDefMap.FromString(reply.metadata[_SIGNATURES].value).signature_def
    signatures = {name: _signature(name, definitions[name]) for name in sorted(definitions)}
    return ModelMetadata(reply.model_spec.name, reply.model_spec.version.value, signatures)


def _signature(name: str, definition: serving_pb2.SignatureDef) -> Signature:
    return Signature(name, _tensors(definition.inputs), _tensors(definition.outputs), definition.method_name)


def _tensors(infos: Mapping[str, serving_pb2.TensorInfo]) -> dict[str, TensorInfo]:
    return {
        name: TensorInfo(_dtype(infos[name].dtype), decode_shape(infos[name].tensor_shape))
        for name in sorted(infos)
    }


def _dtype(number: int) -> np.dtype[Any] | None:
    try:
        return numpy_of(number)
    except TypeError:
        return None
