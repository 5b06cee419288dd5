"""``inference.GRPCInferenceService``: the Open Inference Protocol, version 2, of KServe and Triton."""

from __future__ import annotations

from dataclasses import asdict

from kernel_server.core.servable import Array
from kernel_server.errors import NotFound, ServingError, Unavailable
from kernel_server.handlers import Handlers
from kernel_server.handlers.model_spec import ModelSpec
from kernel_server.monitoring.timing import Entry, TimingRecord
from kernel_server.open_inference.datatypes import NotExpressible
from kernel_server.open_inference.describe import ServerMetadata, model_config, model_metadata
from kernel_server.open_inference.requests import (
    SIGNATURE_NAME,
    check_parameters,
    check_signature,
    model_spec,
)
from kernel_server.rpc import open_inference_pb2 as pb
from kernel_server.rpc.call import Call
from kernel_server.rpc.methods import Methods, parse, unary
from kernel_server.rpc.open_inference_tensors import decode_inputs, encode_response

SERVICE = "inference.GRPCInferenceService"

_INFER = Entry("ModelInfer", "GRPC")


class OpenInferenceService:
    """Decodes, calls the handlers, encodes."""

    def __init__(self, handlers: Handlers) -> None:
        self._handlers = handlers

    def methods(self) -> Methods:
        """The methods by full name."""
        prefix = f"/{SERVICE}/"
        return {
            prefix + "ServerLive": unary(self.server_live, pb.ServerLiveRequest),
            prefix + "ServerReady": unary(self.server_ready, pb.ServerReadyRequest),
            prefix + "ModelReady": unary(self.model_ready, pb.ModelReadyRequest),
            prefix + "ServerMetadata": unary(self.server_metadata, pb.ServerMetadataRequest),
            prefix + "ModelMetadata": unary(self.model_metadata, pb.ModelMetadataRequest),
            prefix + "ModelConfig": unary(self.model_config, pb.ModelConfigRequest),
            prefix + "ModelInfer": self.model_infer,
        }

    def model_infer(self, call: Call, message: bytes) -> None:
        """Answer one ModelInferRequest, in callbacks like Predict; raw contents are answered with such."""
        record = TimingRecord(_INFER)
        request = parse(pb.ModelInferRequest, message)
        call.on_refused, call.model = self._handlers.totals.refuse, request.model_name
        spec, raw = _spec(request), bool(request.raw_input_contents)
        handle = self._handlers.predict.open(spec, call.traffic_key)

        def done(outcome: dict[str, Array] | ServingError) -> None:
            handle.release()
            if isinstance(outcome, ServingError):
                call.fail(outcome)
                return
            try:
                reply = encode_response(handle.id, request.id, outcome, raw)
            except NotExpressible as error:
                call.fail(error)
                return
            if call.reply(reply):
                record.replied()

        try:
            inputs, output_filter = decode_inputs(request), _output_filter(request)
            call.on_gone = self._handlers.predict.start(
                handle, spec.signature, inputs, output_filter, call.deadline, record, done
            )
        except BaseException:
            handle.release()
            raise

    async def server_live(self, request: pb.ServerLiveRequest) -> pb.ServerLiveResponse:
        """Who can answer is alive."""
        return pb.ServerLiveResponse(live=True)

    async def server_ready(self, request: pb.ServerReadyRequest) -> pb.ServerReadyResponse:
        """Whether requests are taken: not any more while the server drains."""
        return pb.ServerReadyResponse(ready=not self._handlers.drain.started.is_set())

    async def model_ready(self, request: pb.ModelReadyRequest) -> pb.ModelReadyResponse:
        """Whether requests to the model are taken."""
        try:
            self._handlers.metadata.metadata(model_spec(request.name, request.version))
        except (NotFound, Unavailable):
            return pb.ModelReadyResponse(ready=False)
        return pb.ModelReadyResponse(ready=True)

    async def server_metadata(self, request: pb.ServerMetadataRequest) -> pb.ServerMetadataResponse:
        """Who answers, and what the server offers beyond the protocol."""
        return pb.ServerMetadataResponse(**asdict(ServerMetadata()))

    async def model_metadata(self, request: pb.ModelMetadataRequest) -> pb.ModelMetadataResponse:
        """The inputs and outputs of the default signature."""
        found = model_metadata(self._handlers, model_spec(request.name, request.version))
        return pb.ModelMetadataResponse(**asdict(found))

    async def model_config(self, request: pb.ModelConfigRequest) -> pb.ModelConfigResponse:
        """What load generators want to know before they start."""
        config = model_config(self._handlers, model_spec(request.name, request.version))
        return pb.ModelConfigResponse(config=asdict(config))


def _spec(request: pb.ModelInferRequest) -> ModelSpec:
    signature: object = ""
    if SIGNATURE_NAME in request.parameters:
        parameter = request.parameters[SIGNATURE_NAME]
        signature = getattr(parameter, parameter.WhichOneof("parameter_choice") or "string_param")
    return model_spec(request.model_name, request.model_version, check_signature(signature))


def _output_filter(request: pb.ModelInferRequest) -> list[str]:
    outputs = request.outputs
    for output in outputs:
        check_parameters(output.name, output.parameters)
    return [output.name for output in outputs]
