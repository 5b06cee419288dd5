"""The gRPC server: all services behind one router, on the addresses that it is given."""

from __future__ import annotations

import asyncio
import socket
import ssl
from pathlib import Path

# Imported for their descriptors, which reflection tells.
from tensorflow_serving.apis import model_service_pb2, prediction_service_pb2  # noqa: F401

from kernel_server.config.channel_arguments import most_received_bytes
from kernel_server.front_ends.pool import FrontEndPool
from kernel_server.handlers import Handlers
from kernel_server.http2.connection import Connection
from kernel_server.http2.headers import Headers
from kernel_server.http2.stream import Exchange, Stream
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
from kernel_server.rpc.addresses import bind_tcp, listen_tcp, listen_unix
from kernel_server.rpc.gathered_call import GatheredCall, may_be_gathered
from kernel_server.rpc.gathering import Gathering
from kernel_server.rpc.predicts_together import PredictsTogether
from kernel_server.rpc.router import Router
from kernel_server.security.tokens import Tokens
from kernel_server.settings import Settings
from kernel_server.turns import Turns

_HEALTH_NAMES = (
    "ModelService",
    "PredictionService",
    prediction_service.SERVICE,
    model_service.SERVICE,
    open_inference.SERVICE,
)
_REFLECTED = (
    prediction_service.SERVICE,
    model_service.SERVICE,
    control_service.SERVICE,
    health_service.SERVICE,
)


class GrpcServer:
    """Serves prediction, models, Open Inference, control, health and reflection; see :meth:`start`."""

    def __init__(
        self,
        handlers: Handlers,
        process: ServerProcess,
        settings: Settings,
        tokens: Tokens | None,
        turns: Turns,
    ) -> None:
        self._host = settings.host
        reflection = reflection_service.ReflectionService(_REFLECTED).methods()
        as_content = settings.enable_serialization_as_tensor_content
        prediction = prediction_service.PredictionService(handlers, as_content=as_content)
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
            turns,
            conversations=reflection,
            most_bytes=most_received_bytes(settings.grpc_channel_arguments),
        )
        together = PredictsTogether(handlers, self._router, turns, as_content=as_content)
        self._gathering = Gathering(together)
        self._front_ends = FrontEndPool(
            self._router.accept, together, settings.grpc_front_ends, settings.ssl_config_file
        )
        self._connections: set[Connection] = set()
        self._listeners: list[asyncio.Server] = []
        self._bound: socket.socket | None = None
        self._socket: Path | None = None

    async def start(
        self, port: int | None, socket_path: Path | None, tls: ssl.SSLContext | None = None
    ) -> tuple[str | None, Path | None]:
        """Open the given addresses and serve; a port of 0 is chosen by the system.

        Returns the TCP address and the absolute path of the socket. Raises the errors of ``rpc.addresses``.
        """
        address = path = None
        if port is not None:
            address = host_port(self._host, await self._serve_tcp(port, tls))
        if socket_path is not None:
            path = socket_path.absolute()
            self._listeners.append(await listen_unix(self._connect, path, tls))
            self._socket = path
        return address, path

    async def _serve_tcp(self, port: int, tls: ssl.SSLContext | None) -> int:
        if self._front_ends.count:
            self._bound = bind_tcp(self._host, port)
            await self._front_ends.start(self._bound)
            return int(self._bound.getsockname()[1])
        listener = await listen_tcp(self._connect, self._host, port, tls)
        self._listeners.append(listener)
        return int(listener.sockets[0].getsockname()[1])

    async def stop(self, grace_seconds: float) -> None:
        """Close the addresses; calls in progress get ``grace_seconds`` to end."""
        for listener in self._listeners:
            listener.close()
        if self._bound is not None:
            self._bound.close()
        front_ends = asyncio.create_task(self._front_ends.stop(grace_seconds))
        if self._socket is not None:
            self._socket.unlink(missing_ok=True)
        for connection in list(self._connections):
            connection.leave()
        left = [connection.closed for connection in self._connections]
        if left:
            await asyncio.wait(left, timeout=grace_seconds)
        for connection in list(self._connections):
            connection.abort()
        await front_ends

    def _connect(self) -> Connection:
        return Connection(self._accept, self._connections)

    def _accept(self, stream: Stream, headers: Headers) -> Exchange:
        if may_be_gathered(headers):
            return GatheredCall(stream, headers, self._gathering, self._go_alone)
        return self._router.accept(stream, headers)

    def _go_alone(self, call: GatheredCall) -> Exchange:
        return self._router.accept(call.stream, call.headers)
