"""TensorFlow Serving's API: the calls under ``/v1/``."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import partial
from time import perf_counter
from typing import Any

from kernel_server.core.handle import ServableHandle
from kernel_server.core.servable import Array, Servable
from kernel_server.core.signature import CLASSIFY, DEFAULT_SIGNATURE, REGRESS
from kernel_server.errors import InvalidArgument, ServingError
from kernel_server.handlers import Handlers
from kernel_server.handlers.examples import Examples
from kernel_server.handlers.inference import InferenceTask, Result
from kernel_server.monitoring.timing import Entry, TimingRecord
from kernel_server.rest.api import Answer, Found, GiveUp
from kernel_server.rest.deadlines import Deadlines
from kernel_server.rest.describe import metadata_body, status_body
from kernel_server.rest.http1.exchange import Exchange, Reply
from kernel_server.rest.json_decode import PredictBody
from kernel_server.rest.json_encode import encode
from kernel_server.rest.json_examples import ExamplesBody
from kernel_server.rest.json_quick import quick_predict
from kernel_server.rest.json_results import results_body
from kernel_server.rest.prediction import Prediction, Question
from kernel_server.rest.routes import Route, match
from kernel_server.traffic.split import TRAFFIC_KEY

_ENTRIES = {call: Entry(call, "REST") for call in ("predict", "classify", "regress", "metadata", "status")}


class SignatureNotFound(InvalidArgument):
    """The model has no such signature; over gRPC this has another status and other words."""

    def __init__(self, name: str, known: Iterable[str]) -> None:
        super().__init__(
            f'Serving signature name: "{name}" not found in signature def. '
            f"Available signatures: {', '.join(sorted(known))}."
        )


class Calls:
    """Answers calls through ``handlers``; a prediction may take ``timeout_seconds``."""

    def __init__(self, handlers: Handlers, timeout_seconds: float) -> None:
        self._handlers = handlers
        self._deadlines = Deadlines(timeout_seconds)

    def route(self, method: str, path: str) -> Found:
        """See :class:`~kernel_server.rest.api.Api`."""
        route = match(method, path)
        return Found(route.call, route.spec.name, partial(self._begin, route))

    def _begin(self, route: Route, exchange: Exchange, answer: Answer) -> GiveUp | None:
        match route.call:
            case "predict":
                question: Question[Any] = PredictQuestion()
            case "classify":
                question = InferQuestion(CLASSIFY, route.spec.name)
            case "regress":
                question = InferQuestion(REGRESS, route.spec.name)
            case _:
                answer(Reply(self._describe(route)))
                return None
        prediction = Prediction(self._handlers, question, _ENTRIES[route.call], self._deadlines, answer)
        return prediction.begin(route.spec, exchange.body, exchange.headers.get(TRAFFIC_KEY))

    def _describe(self, route: Route) -> bytes:
        began = perf_counter()
        if route.call == "metadata":
            reply = metadata_body(*self._handlers.metadata.metadata(route.spec))
        else:
            reply = status_body(self._handlers.status.model_status(route.spec))
        self._handlers.totals.answer(route.spec.name, _ENTRIES[route.call], perf_counter() - began)
        return reply


class PredictQuestion:
    """What a Predict request asks."""

    __slots__ = ("_in_rows", "_inputs", "_signature_name")

    def decode(self, text: bytes, found: Servable | ServingError) -> None:
        """The inputs of the signature that the text names."""
        if not isinstance(found, ServingError) and (quick := quick_predict(text, found.signatures)):
            self._in_rows, self._signature_name, self._inputs = quick
            return
        body = PredictBody(text)
        if isinstance(found, ServingError):
            raise found
        self._in_rows = body.in_rows
        self._signature_name = body.signature_name or DEFAULT_SIGNATURE
        signature = found.signatures.get(self._signature_name)
        if signature is None:
            raise SignatureNotFound(self._signature_name, found.signatures)
        self._inputs = body.arrays(signature)

    def start(
        self,
        handlers: Handlers,
        handle: ServableHandle,
        deadline: float,
        record: TimingRecord,
        done: Callable[[dict[str, Array] | ServingError], None],
    ) -> GiveUp:
        """Put it to the model."""
        return handlers.predict.start(handle, self._signature_name, self._inputs, (), deadline, record, done)

    def encode(self, outcome: dict[str, Array]) -> Reply:
        """Rows or columns, as the request came."""
        return Reply(encode(outcome, in_rows=self._in_rows))


class InferQuestion:
    """What a Classify or Regress request asks."""

    __slots__ = ("_examples", "_method_name", "_model", "_task")

    def __init__(self, method_name: str, model: str) -> None:
        self._method_name = method_name
        self._model = model

    def decode(self, text: bytes, found: Servable | ServingError) -> None:
        """The examples, and the signature that answers for each."""
        body = ExamplesBody(text)
        self._examples: Examples = body.examples()
        if isinstance(found, ServingError):
            raise found
        self._task = InferenceTask(self._model, body.signature_name or DEFAULT_SIGNATURE, self._method_name)

    def start(
        self,
        handlers: Handlers,
        handle: ServableHandle,
        deadline: float,
        record: TimingRecord,
        done: Callable[[list[Result] | ServingError], None],
    ) -> GiveUp:
        """Put it to the model."""
        return handlers.examples.start(handle, self._task, self._examples, deadline, record, done)

    def encode(self, outcome: list[Result]) -> Reply:
        """The one result."""
        (result,) = outcome
        return Reply(results_body(result))
