"""The ports that a server is reached at: opened once its models are loaded, closed at its end."""

from __future__ import annotations

import asyncio
from pathlib import Path

from kernel_server.config.monitoring import read_prometheus_path
from kernel_server.handlers import Handlers
from kernel_server.listening import host_port
from kernel_server.process import Addresses, ServerProcess
from kernel_server.rest.server import RestServer
from kernel_server.rpc.server import GrpcServer
from kernel_server.security.tls import server_context
from kernel_server.security.tokens import Tokens
from kernel_server.settings import Port, Settings
from kernel_server.turns import Turns


class Ports:
    """Both faces of one server, as its settings say."""

    def __init__(
        self, handlers: Handlers, process: ServerProcess, settings: Settings, tokens: Tokens | None
    ) -> None:
        self._handlers = handlers
        self._settings = settings
        self._tokens = tokens
        self._metrics_path = _metrics_path(settings)
        self._turns = Turns()
        self._grpc = GrpcServer(handlers, process, settings, tokens, self._turns)
        self._rest: RestServer | None = None

    async def open(self) -> Addresses:
        """Serve; raises a ``ServingError`` that names the port that cannot be had."""
        settings = self._settings
        ssl = settings.ssl_config_file
        grpc_address, socket = await self._grpc.start(
            _bindable(settings.port),
            _absolute(settings.grpc_socket_path),
            server_context(ssl, "h2") if ssl else None,
        )
        rest_port = _bindable(settings.rest_api_port)
        if rest_port is None:
            return Addresses(grpc_address, socket)
        self._rest = self._make_rest(rest_port)
        # TensorFlow Serving's REST is never TLS: old set-ups with an ssl_config_file count on plain HTTP.
        tls = server_context(ssl, "http/1.1") if ssl and settings.rest_api_ssl else None
        address = host_port(settings.host, await self._rest.start(tls))
        return Addresses(grpc_address, socket, f"{'https' if tls else 'http'}://{address}")

    async def close(self, grace_seconds: float) -> None:
        """Take nothing more; calls in progress get ``grace_seconds`` to end."""
        faces = [face.stop(grace_seconds) for face in (self._grpc, self._rest) if face is not None]
        await asyncio.gather(*faces)

    def _make_rest(self, port: int) -> RestServer:
        settings = self._settings
        return RestServer(
            self._handlers,
            host=settings.host,
            port=port,
            turns=self._turns,
            tokens=self._tokens,
            timeout_seconds=settings.rest_api_timeout_in_ms / 1000,
            cors=settings.rest_api_enable_cors_support,
            is_ready=lambda: not self._handlers.drain.started.is_set(),
            metrics_path=self._metrics_path,
        )


def _metrics_path(settings: Settings) -> str | None:
    file = settings.monitoring_config_file
    return read_prometheus_path(file) if file is not None and settings.rest_api_port else None


def _absolute(path: Path | None) -> Path | None:
    return path.absolute() if path else None


def _bindable(port: Port) -> int | None:
    """The port as ``bind`` takes it: 0 for any, ``None`` for not at all."""
    if port == "auto":
        return 0
    return port or None
