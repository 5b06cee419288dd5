"""The calls of the API: request text in, reply text out."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from time import monotonic, perf_counter
from typing import TypeVar

from kernel_server.core.handle import ServableHandle
from kernel_server.core.servable import Array, Servable
from kernel_server.core.signature import CLASSIFY, DEFAULT_SIGNATURE, REGRESS
from kernel_server.errors import DeadlineExceeded, InvalidArgument, ServingError
from kernel_server.handlers import Handlers
from kernel_server.handlers.inference import InferenceTask, Result
from kernel_server.handlers.model_spec import ModelSpec
from kernel_server.monitoring.timing import Entry, TimingRecord
from kernel_server.rest.describe import metadata_body, status_body
from kernel_server.rest.json_decode import PredictBody
from kernel_server.rest.json_encode import encode
from kernel_server.rest.json_examples import ExamplesBody
from kernel_server.rest.json_results import results_body
from kernel_server.rest.routes import Route

_ENTRIES = {call: Entry(call, "REST") for call in ("predict", "classify", "regress", "metadata", "status")}

T = TypeVar("T")
_Done = Callable[[T | ServingError], None]
_GiveUp = Callable[[], None]


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
        self._timeout = timeout_seconds

    async def answer(self, route: Route, text: bytes) -> bytes:
        """The JSON that answers the call. Raises :class:`~kernel_server.errors.ServingError`."""
        match route.call:
            case "predict":
                return await self._predict(route.spec, text)
            case "classify":
                return await self._infer(CLASSIFY, route, text)
            case "regress":
                return await self._infer(REGRESS, route, text)
            case _:
                return self._describe(route)

    def _describe(self, route: Route) -> bytes:
        began = perf_counter()
        if route.call == "metadata":
            reply = metadata_body(*self._handlers.metadata.metadata(route.spec))
        else:
            reply = status_body(self._handlers.status.model_status(route.spec))
        self._handlers.totals.answer(route.spec.name, _ENTRIES[route.call], perf_counter() - began)
        return reply

    async def _predict(self, spec: ModelSpec, text: bytes) -> bytes:
        record = TimingRecord(_ENTRIES["predict"])
        deadline = monotonic() + self._timeout
        body = PredictBody(text)

        def start(handle: ServableHandle, done: _Done[dict[str, Array]]) -> _GiveUp:
            name, inputs = _decode(body, handle.servable)
            return self._handlers.predict.start(handle, name, inputs, (), deadline, record, done)

        reply = encode(await self._run(spec, start), in_rows=body.in_rows)
        record.replied()
        return reply

    async def _infer(self, method_name: str, route: Route, text: bytes) -> bytes:
        record, spec = TimingRecord(_ENTRIES[route.call]), route.spec
        deadline = monotonic() + self._timeout
        body = ExamplesBody(text)
        examples = body.examples()
        record.decoded = perf_counter()
        task = InferenceTask(spec.name, body.signature_name or DEFAULT_SIGNATURE, method_name)

        def start(handle: ServableHandle, done: _Done[list[Result]]) -> _GiveUp:
            return self._handlers.examples.start(handle, task, examples, deadline, record, done)

        (result,) = await self._run(spec, start)
        reply = results_body(result)
        record.replied()
        return reply

    async def _run(self, spec: ModelSpec, start: Callable[[ServableHandle, _Done[T]], _GiveUp]) -> T:
        """What the model answers to a request that ``start`` begins."""
        outcome: asyncio.Future[T | ServingError | None] = asyncio.get_running_loop().create_future()
        handle = self._handlers.predict.open(spec)

        def done(result: T | ServingError) -> None:
            handle.release()
            _settle(outcome, result)

        try:
            give_up = start(handle, done)
        except BaseException:
            handle.release()
            raise
        return await self._wait(outcome, give_up)

    async def _wait(self, outcome: asyncio.Future[T | ServingError | None], give_up: _GiveUp) -> T:
        """Wait for the outcome until the time is over; the model may still be busy then."""
        timer = asyncio.get_running_loop().call_later(self._timeout, _settle, outcome, None)
        try:
            result = await outcome
        finally:
            timer.cancel()
            give_up()  # does nothing once the model has answered
        if result is None:
            raise DeadlineExceeded("Timed out waiting for notification")
        if isinstance(result, ServingError):
            raise result
        return result


def _decode(body: PredictBody, servable: Servable) -> tuple[str, dict[str, Array]]:
    name = body.signature_name or DEFAULT_SIGNATURE
    signature = servable.signatures.get(name)
    if signature is None:
        raise SignatureNotFound(name, servable.signatures)
    return name, body.arrays(signature)


def _settle(outcome: asyncio.Future[T], result: T) -> None:
    if not outcome.done():
        outcome.set_result(result)
