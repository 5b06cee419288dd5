"""The calls of the API: request text in, reply text out."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from functools import partial
from time import monotonic, perf_counter

from kernel_server.core.handle import ServableHandle
from kernel_server.core.servable import Array, Servable
from kernel_server.core.signature import DEFAULT_SIGNATURE
from kernel_server.errors import DeadlineExceeded, InvalidArgument, ServingError, Unimplemented
from kernel_server.handlers import Handlers
from kernel_server.handlers.model_spec import ModelSpec
from kernel_server.monitoring.timing import TimingRecord
from kernel_server.rest.describe import metadata_body, status_body
from kernel_server.rest.json_decode import PredictBody
from kernel_server.rest.json_encode import encode
from kernel_server.rest.routes import Route

_Outcome = dict[str, Array] | ServingError | None
"""What became of a run; ``None`` when its time was over."""


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
            case "status":
                return status_body(self._handlers.status.model_status(route.spec))
            case "metadata":
                return metadata_body(*self._handlers.metadata.metadata(route.spec))
            case call:
                raise Unimplemented(f"This server does not offer :{call} over REST; use :predict.")

    async def _predict(self, spec: ModelSpec, text: bytes) -> bytes:
        record = TimingRecord()
        deadline = monotonic() + self._timeout
        body = PredictBody(text)
        predict = self._handlers.predict
        outcome: asyncio.Future[_Outcome] = asyncio.get_running_loop().create_future()
        handle = predict.open(spec)
        try:
            name, inputs = _decode(body, handle.servable)
            record.decoded = perf_counter()
            done = partial(_finish, handle, outcome)
            give_up = predict.start(handle, name, inputs, (), deadline, record, done)
        except BaseException:
            handle.release()
            raise
        reply = encode(await self._outputs(outcome, give_up), in_rows=body.in_rows)
        record.replied()
        return reply

    async def _outputs(
        self, outcome: asyncio.Future[_Outcome], give_up: Callable[[], None]
    ) -> dict[str, Array]:
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


def _finish(handle: ServableHandle, outcome: asyncio.Future[_Outcome], result: _Outcome) -> None:
    handle.release()
    _settle(outcome, result)


def _settle(outcome: asyncio.Future[_Outcome], result: _Outcome) -> None:
    if not outcome.done():
        outcome.set_result(result)
