"""The HTTP listener: bound, serving, drained."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from functools import partial

from aiohttp import web
from aiohttp.http import HttpProcessingError

from kernel_server.handlers import Handlers
from kernel_server.listening import host_port, listening_failed
from kernel_server.rest.calls import Calls
from kernel_server.rest.face import Face
from kernel_server.rest.metrics import Metrics
from kernel_server.security.tokens import Token

MAX_BODY_BYTES = 128 * 1024 * 1024
"""Default limit of a request body; as Python values it takes a few times as much memory."""

_BACKLOG = 1024
"""Connections that may wait to be accepted: a load generator opens hundreds at once."""

_http_log = logging.getLogger(f"{__package__}.http")


class RestServer:
    """Serves ``handlers`` over HTTP on the running event loop, from :meth:`start` to :meth:`stop`.

    ``port`` 0 lets the operating system choose. ``token`` is the bearer token that every call must carry;
    ``None`` lets everyone in. ``timeout_seconds`` bounds a prediction. ``cors`` adds the headers that let
    pages of other origins call. ``/livez`` and ``/readyz`` need no token; the latter says what
    ``is_ready`` returns. ``metrics_path`` is where metrics are told with TensorFlow Serving's names; with
    conventional ones they are always at ``/metrics``.
    """

    def __init__(
        self,
        handlers: Handlers,
        *,
        host: str,
        port: int,
        token: str | None = None,
        timeout_seconds: float = 30.0,
        cors: bool = False,
        max_body_bytes: int = MAX_BODY_BYTES,
        is_ready: Callable[[], bool] = lambda: True,
        metrics_path: str | None = None,
    ) -> None:
        self._host = host
        self._port = port
        self._max_body_bytes = max_body_bytes
        self._face = Face(
            Calls(handlers, timeout_seconds),
            Metrics(handlers.metrics, metrics_path),
            handlers.totals,
            token=Token(token) if token else None,
            cors=cors,
            max_body_bytes=max_body_bytes,
            is_ready=is_ready,
        )
        self._protocols: web.Server | None = None
        self._listener: asyncio.Server | None = None

    async def start(self) -> int:
        """Listen, and return the bound port. Raises the errors of :mod:`kernel_server.listening`."""
        loop = asyncio.get_running_loop()
        _http_log.addFilter(_is_worth_a_traceback)
        self._protocols = web.Server(
            self._face,
            request_factory=partial(web.BaseRequest, loop=loop, client_max_size=self._max_body_bytes),
            handler_cancellation=True,  # a client that leaves takes its request out of the queue
            access_log=None,
            logger=_http_log,
        )
        try:
            self._listener = await loop.create_server(
                self._protocols, self._host, self._port, backlog=_BACKLOG
            )
        except OSError as error:
            raise listening_failed("rest_api_port", host_port(self._host, self._port), error) from error
        port: int = self._listener.sockets[0].getsockname()[1]
        return port

    async def stop(self, grace_seconds: float = 0.0) -> None:
        """Accept nothing more, give running requests ``grace_seconds`` to end, then close everything."""
        if self._listener is None or self._protocols is None:
            return
        self._listener.close()
        self._protocols.pre_shutdown()
        await self._protocols.shutdown(grace_seconds)
        await self._listener.wait_closed()


def _is_worth_a_traceback(record: logging.LogRecord) -> bool:
    """Not what a client causes by sending no HTTP; it is told."""
    return record.exc_info is None or not isinstance(record.exc_info[1], HttpProcessingError)
