"""The calls of the API: request text in, reply text out."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Iterable
from time import monotonic, perf_counter

from kernel_server.core.servable import Array
from kernel_server.core.signature import DEFAULT_SIGNATURE
from kernel_server.errors import DeadlineExceeded, InvalidArgument, Unimplemented
from kernel_server.handlers import Handlers
from kernel_server.handlers.model_spec import ModelSpec
from kernel_server.monitoring.timing import TimingRecord
from kernel_server.rest.describe import metadata_body, status_body
from kernel_server.rest.json_decode import PredictBody
from kernel_server.rest.json_encode import encode
from kernel_server.rest.routes import Route

_OUT_OF_TIME = "out of time"


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
        with self._handlers.predict.open(spec) as handle:
            name = body.signature_name or DEFAULT_SIGNATURE
            signature = handle.servable.signatures.get(name)
            if signature is None:
                raise SignatureNotFound(name, handle.servable.signatures)
            inputs = body.arrays(signature)
            record.decoded = perf_counter()
            run = self._handlers.predict.run(handle, name, inputs, deadline=deadline, record=record)
            outputs = await self._in_time(run)
        reply = encode(outputs, in_rows=body.in_rows)
        record.replied()
        return reply

    async def _in_time(self, run: Awaitable[dict[str, Array]]) -> dict[str, Array]:
        # asyncio.timeout() says the same at four times the price, 3 % of a small request.
        task = asyncio.current_task()
        assert task is not None
        timer = asyncio.get_running_loop().call_later(self._timeout, task.cancel, _OUT_OF_TIME)
        try:
            return await run
        except asyncio.CancelledError as error:
            if _OUT_OF_TIME not in error.args:
                raise
            task.uncancel()
            raise DeadlineExceeded("Timed out waiting for notification") from None
        finally:
            timer.cancel()
