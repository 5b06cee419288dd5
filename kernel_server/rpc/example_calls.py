"""``tensorflow.serving.PredictionService``: Classify, Regress and MultiInference."""

from __future__ import annotations

from functools import partial
from time import perf_counter

from kernel_server.core.servable import ServableId
from kernel_server.core.signature import CLASSIFY, REGRESS
from kernel_server.errors import ServingError
from kernel_server.handlers import Handlers
from kernel_server.handlers.example_handler import Question
from kernel_server.handlers.examples import Examples
from kernel_server.handlers.inference import InferenceTask, Result
from kernel_server.handlers.model_spec import ModelSpec
from kernel_server.monitoring.timing import Entry, TimingRecord
from kernel_server.rpc import example_requests_pb2
from kernel_server.rpc.call import Call
from kernel_server.rpc.methods import Methods, parse
from kernel_server.rpc.model_specs import from_proto
from kernel_server.rpc.prediction_service import SERVICE
from kernel_server.rpc.results import encode_multi_response, encode_response

_ENTRIES = {CLASSIFY: Entry("Classify", "GRPC"), REGRESS: Entry("Regress", "GRPC")}
_MULTI_INFERENCE = Entry("MultiInference", "GRPC")


class ExampleCalls:
    """Answers what is asked about examples, in callbacks like Predict."""

    def __init__(self, handlers: Handlers) -> None:
        self._handlers = handlers

    def methods(self) -> Methods:
        """The methods by full name."""
        return {
            f"/{SERVICE}/Classify": partial(self.infer, CLASSIFY),
            f"/{SERVICE}/Regress": partial(self.infer, REGRESS),
            f"/{SERVICE}/MultiInference": self.multi_inference,
        }

    def infer(self, method_name: str, call: Call, message: bytes) -> None:
        """Answer one ClassificationRequest or RegressionRequest."""
        record = TimingRecord(_ENTRIES[method_name])
        request = parse(example_requests_pb2.ExampleRequest, message)
        spec = from_proto(request)
        task = InferenceTask(spec.name, spec.signature, method_name)
        self._begin(call, spec, task, request.input, record)

    def multi_inference(self, call: Call, message: bytes) -> None:
        """Answer one MultiInferenceRequest; the spec of its first task decides on the version."""
        record = TimingRecord(_MULTI_INFERENCE)
        request = parse(example_requests_pb2.MultiInferenceRequest, message)
        specs = [_spec(task) for task in request.tasks]
        tasks = tuple(
            InferenceTask(spec.name, spec.signature, task.method_name)
            for spec, task in zip(specs, request.tasks, strict=True)
        )
        self._begin(call, specs[0] if specs else ModelSpec(""), tasks, request.input, record)

    def _begin(
        self,
        call: Call,
        spec: ModelSpec,
        question: Question,
        sent: example_requests_pb2.Input,
        record: TimingRecord,
    ) -> None:
        handler, totals = self._handlers.examples, self._handlers.totals
        call.on_refused, call.model = totals.refuse, spec.name
        handle = handler.open(spec, call.traffic_key)

        def done(outcome: list[Result] | ServingError) -> None:
            handle.release()
            if isinstance(outcome, ServingError):
                call.fail(outcome)
            elif call.reply(_encode(handle.id, question, outcome)):
                record.replied()
                if not isinstance(question, InferenceTask):
                    totals.add_examples(spec.name, len(examples.serialized))

        try:
            examples = _examples(sent)
            record.decoded = perf_counter()
            call.on_gone = handler.start(handle, question, examples, call.deadline, record, done)
        except BaseException:
            handle.release()
            raise


def _encode(servable: ServableId, question: Question, results: list[Result]) -> bytes:
    if isinstance(question, InferenceTask):
        return encode_response(servable, question, results[0])
    return encode_multi_response(servable, question, results)


def _spec(task: example_requests_pb2.InferenceTask) -> ModelSpec:
    return from_proto(task) if task.HasField("model_spec") else ModelSpec("")


def _examples(sent: example_requests_pb2.Input) -> Examples:
    plain, contextual = sent.example_list, sent.example_list_with_context  # one of them is empty
    return Examples([*plain.examples, *contextual.examples], contextual.context)
