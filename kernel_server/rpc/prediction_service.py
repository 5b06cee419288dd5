"""``tensorflow.serving.PredictionService``: Predict and GetModelMetadata."""

from __future__ import annotations

from collections.abc import Mapping

from tensorflow_serving.apis import get_model_metadata_pb2, predict_pb2

from kernel_server.core.servable import Array, ServableId
from kernel_server.errors import InvalidArgument, ServingError
from kernel_server.handlers import Handlers
from kernel_server.monitoring.timing import Entry, TimingRecord
from kernel_server.rpc.call import Call
from kernel_server.rpc.methods import Methods, parse, unary
from kernel_server.rpc.model_specs import encode_spec, from_proto
from kernel_server.rpc.signature_defs import signature_def_map
from kernel_server.tensor_protos import Tensors, encode_tensor
from kernel_server.wire_format import delimited, text_field

SERVICE = "tensorflow.serving.PredictionService"

_SIGNATURE_DEF = "signature_def"
PREDICT = Entry("Predict", "GRPC")


class PredictionService:
    """Decodes, calls the handlers, encodes."""

    def __init__(self, handlers: Handlers, *, as_content: bool = False) -> None:
        self._handlers = handlers
        self._refuse = handlers.totals.refuse
        self._as_content = as_content

    def methods(self) -> Methods:
        """The methods by full name."""
        return {
            f"/{SERVICE}/Predict": self.predict,
            f"/{SERVICE}/GetModelMetadata": unary(
                self.get_model_metadata, get_model_metadata_pb2.GetModelMetadataRequest
            ),
        }

    def predict(self, call: Call, message: bytes) -> None:
        """Answer one PredictRequest; the whole way runs in callbacks, without a task of its own."""
        record = TimingRecord(PREDICT)
        request = parse(predict_pb2.PredictRequest, message)
        call.on_refused, call.model = self._refuse, request.model_spec.name
        spec = from_proto(request)
        handle = self._handlers.predict.open(spec, call.traffic_key)

        def done(outcome: dict[str, Array] | ServingError) -> None:
            handle.release()
            if isinstance(outcome, ServingError):
                call.fail(outcome)
            elif call.reply(_encode_reply(handle.id, spec.signature, outcome, self._as_content)):
                record.replied()

        try:
            inputs, output_filter = Tensors(request.inputs), request.output_filter
            call.on_gone = self._handlers.predict.start(
                handle, spec.signature, inputs, output_filter, call.deadline, record, done
            )
        except BaseException:
            handle.release()
            raise

    async def get_model_metadata(
        self, request: get_model_metadata_pb2.GetModelMetadataRequest
    ) -> get_model_metadata_pb2.GetModelMetadataResponse:
        """The signatures of a version."""
        _check_metadata_fields(request.metadata_field)
        servable, signatures = self._handlers.metadata.metadata(from_proto(request))
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
        delimited(1, text_field(1, name) + delimited(2, encode_tensor(array, as_content)))
        for name, array in outputs.items()
    ]
    return b"".join(entries) + encode_spec(2, servable.name, servable.version, signature)
