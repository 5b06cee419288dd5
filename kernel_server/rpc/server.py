"""The gRPC server: all services behind one router, on the addresses that it is given."""

from __future__ import annotations

import asyncio
import ssl
from pathlib import Path

# Imported for their descriptors, which reflection tells.
from tensorflow_serving.apis import model_service_pb2, prediction_service_pb2  # noqa: F401

from kernel_server.config.channel_arguments import most_received_bytes
from kernel_server.handlers import Handlers
from kernel_server.http2.connection import Connection
from kernel_server.listening import host_port
from kernel_server.process import ServerProcess
from kernel_server.rpc import (
    control_service,
    example_calls,
    health_service,
    model_service,
    open_inference,
    prediction_service,
    reflection_service,
)
from kernel_server.rpc.addresses import listen_tcp, listen_unix
from kernel_server.rpc.router import Router
from kernel_server.security.tokens import Tokens
from kernel_server.settings import Settings

_HEALTH_NAMES = ("ModelService", "PredictionService", prediction_service.SERVICE, model_service.SERVICE)
_REFLECTED = (
    prediction_service.SERVICE,
    model_service.SERVICE,
    control_service.SERVICE,
    health_service.SERVICE,
)


class GrpcServer:
    """Serves prediction, models, Open Inference, control, health and reflection; see :meth:`start`."""

    def __init__(
        self, handlers: Handlers, process: ServerProcess, settings: Settings, tokens: Tokens | None
    ) -> None:
        self._host = settings.host
        reflection = reflection_service.ReflectionService(_REFLECTED).methods()
        prediction = prediction_service.PredictionService(
            handlers, as_content=settings.enable_serialization_as_tensor_content
        )
        methods = {
            **prediction.methods(),
            **example_calls.ExampleCalls(handlers).methods(),
            **model_service.ModelService(handlers).methods(),
            **open_inference.OpenInferenceService(handlers).methods(),
            **control_service.ControlService(handlers, process).methods(),
            **health_service.HealthService(_HEALTH_NAMES, handlers.drain).methods(),
            **reflection,
        }
        self._router = Router(
            methods,
            tokens,
            conversations=reflection,
            most_bytes=most_received_bytes(settings.grpc_channel_arguments),
        )
        self._connections: set[Connection] = set()
        self._listeners: list[asyncio.Server] = []
        self._socket: Path | None = None

    async def start(
        self, port: int | None, socket_path: Path | None, tls: ssl.SSLContext | None = None
    ) -> tuple[str | None, Path | None]:
        """Open the given addresses and serve; a port of 0 is chosen by the system.

        Returns the TCP address and the absolute path of the socket. Raises the errors of ``rpc.addresses``.
        """
        address = path = None
        if port is not None:
            listener = await listen_tcp(self._connect, self._host, port, tls)
            self._listeners.append(listener)
            address = host_port(self._host, listener.sockets[0].getsockname()[1])
        if socket_path is not None:
            path = socket_path.absolute()
            self._listeners.append(await listen_unix(self._connect, path, tls))
            self._socket = path
        return address, path

    async def stop(self, grace_seconds: float) -> None:
        """Close the addresses; calls in progress get ``grace_seconds`` to end."""
        for listener in self._listeners:
            listener.close()
        if self._socket is not None:
            self._socket.unlink(missing_ok=True)
        for connection in list(self._connections):
            connection.leave()
        left = [connection.closed for connection in self._connections]
        if left:
            await asyncio.wait(left, timeout=grace_seconds)
        for connection in list(self._connections):
            connection.abort()

    def _connect(self) -> Connection:
        return Connection(self._router.accept, self._connections)
