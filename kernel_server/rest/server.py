"""The HTTP server: what is served, from its start to its end."""

from __future__ import annotations

import ssl
from collections.abc import Callable

from kernel_server.handlers import Handlers
from kernel_server.listening import host_port, listening_failed
from kernel_server.rest.calls import Calls
from kernel_server.rest.face import Face
from kernel_server.rest.http1.listener import Listener
from kernel_server.rest.metrics import Metrics
from kernel_server.rest.open_inference import OpenInference
from kernel_server.security.tokens import Tokens
from kernel_server.turns import Turns

MAX_BODY_BYTES = 128 * 1024 * 1024
"""Default limit of a request body; as Python values it takes a few times as much memory."""


class RestServer:
    """Serves ``handlers`` over HTTP on the running event loop, from :meth:`start` to :meth:`stop`.

    ``port`` 0 lets the operating system choose. Calls are begun in ``turns``. With ``tokens`` every call
    must carry one with its scope; ``None`` lets everyone in. ``timeout_seconds`` bounds a prediction.
    ``cors`` adds the headers that let pages of other origins call. ``/livez`` and ``/readyz`` need no
    token; the latter says what ``is_ready`` returns. ``metrics_path`` is where metrics are told with
    TensorFlow Serving's names; with conventional ones they are always at ``/metrics``.
    """

    def __init__(
        self,
        handlers: Handlers,
        *,
        host: str,
        port: int,
        turns: Turns,
        tokens: Tokens | None = None,
        timeout_seconds: float = 30.0,
        cors: bool = False,
        max_body_bytes: int = MAX_BODY_BYTES,
        is_ready: Callable[[], bool] = lambda: True,
        metrics_path: str | None = None,
    ) -> None:
        self._host = host
        self._port = port
        open_inference = OpenInference(handlers, timeout_seconds)
        face = Face(
            {"v1/": Calls(handlers, timeout_seconds), "v2/": open_inference, "v2": open_inference},
            Metrics(handlers.metrics, metrics_path),
            handlers.totals,
            turns,
            tokens=tokens,
            cors=cors,
            most_bytes=max_body_bytes,
            is_ready=is_ready,
        )
        self._listener = Listener(face)

    async def start(self, tls: ssl.SSLContext | None = None) -> int:
        """Listen, with ``tls`` if given, and return the bound port.

        Raises the errors of :mod:`kernel_server.listening`.
        """
        try:
            return await self._listener.open(self._host, self._port, tls)
        except OSError as error:
            raise listening_failed("rest_api_port", host_port(self._host, self._port), error) from error

    async def stop(self, grace_seconds: float = 0.0) -> None:
        """Accept nothing more, give running requests ``grace_seconds`` to end, then close everything."""
        await self._listener.close(grace_seconds)
