"""``tensorflow.serving.PredictionService``: Predict and GetModelMetadata."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache

from tensorflow_serving.apis import get_model_metadata_pb2, predict_pb2

from kernel_server.core.servable import Array, ServableId
from kernel_server.errors import InvalidArgument, ServingError
from kernel_server.handlers import Handlers
from kernel_server.monitoring.timing import TimingRecord
from kernel_server.rpc.model_specs import from_proto
from kernel_server.rpc.router import Methods, unary
from kernel_server.rpc.signature_defs import signature_def_map
from kernel_server.rpc.status_codes import Context, abort
from kernel_server.rpc.tensors import decode_tensor, delimited, encode_tensor, varint

SERVICE = "tensorflow.serving.PredictionService"

_SIGNATURE_DEF = "signature_def"


class PredictionService:
    """Decodes, calls the handlers, encodes."""

    def __init__(self, handlers: Handlers, *, as_content: bool = False) -> None:
        self._handlers = handlers
        self._as_content = as_content

    def methods(self) -> Methods:
        """The methods by full name."""
        return {
            f"/{SERVICE}/Predict": unary(self.predict, predict_pb2.PredictRequest),
            f"/{SERVICE}/GetModelMetadata": unary(
                self.get_model_metadata, get_model_metadata_pb2.GetModelMetadataRequest
            ),
        }

    async def predict(self, request: predict_pb2.PredictRequest, context: Context) -> bytes:
        """Answer one PredictRequest with the bytes of its PredictResponse."""
        record = TimingRecord()
        try:
            spec = from_proto(request)
            with self._handlers.predict.open(spec) as handle:
                inputs = {name: decode_tensor(name, proto) for name, proto in request.inputs.items()}
                record.mark_decoded()
                outputs = await self._handlers.predict.run(
                    handle, spec.signature, inputs, request.output_filter, record=record
                )
                reply = _encode_reply(handle.id, spec.signature, outputs, self._as_content)
        except ServingError as error:
            await abort(context, error)
        record.replied()
        return reply

    async def get_model_metadata(
        self, request: get_model_metadata_pb2.GetModelMetadataRequest, context: Context
    ) -> get_model_metadata_pb2.GetModelMetadataResponse:
        """Answer the signatures of a version."""
        try:
            _check_metadata_fields(request.metadata_field)
            servable, signatures = self._handlers.metadata.metadata(from_proto(request))
        except ServingError as error:
            await abort(context, error)
        reply = get_model_metadata_pb2.GetModelMetadataResponse()
        reply.model_spec.name = servable.name
        reply.model_spec.version.value = servable.version
        reply.metadata[_SIGNATURE_DEF].Pack(signature_def_map(signatures))
        return reply


def _check_metadata_fields(fields: list[str]) -> None:
    if not fields:
        raise InvalidArgument("GetModelMetadataRequest must specify at least one metadata_field")
    for field in fields:
        if field != _SIGNATURE_DEF:
            raise InvalidArgument(f"Metadata field {field} is not supported")


def _encode_reply(
    servable: ServableId, signature: str, outputs: Mapping[str, Array], as_content: bool
) -> bytes:
    """A PredictResponse: map entries of ``outputs`` (field 1), then the spec (field 2)."""
    entries = [
        delimited(1, _text_field(1, name) + delimited(2, encode_tensor(array, as_content)))
        for name, array in outputs.items()
    ]
    return b"".join(entries) + _encode_spec(servable.name, servable.version, signature)


@lru_cache(maxsize=1024)
def _encode_spec(name: str, version: int, signature: str) -> bytes:
    wrapped = b"\x08" + varint(version) if version else b""
    return delimited(2, _text_field(1, name) + delimited(2, wrapped) + _text_field(3, signature))


@lru_cache(maxsize=1024)
def _text_field(field: int, text: str) -> bytes:
    return delimited(field, text.encode())
