"""The gRPC server: all services on one event loop."""

from __future__ import annotations

import asyncio
from pathlib import Path

import grpc.aio
from grpc_health.v1 import health, health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection
from tensorflow_serving.apis import model_service_pb2, prediction_service_pb2  # noqa: F401 - for reflection

from kernel_server.handlers import Handlers
from kernel_server.process import ServerProcess
from kernel_server.rpc import control_service, model_service, prediction_service
from kernel_server.rpc.addresses import listen_tcp, listen_unix
from kernel_server.rpc.router import Router
from kernel_server.security.tokens import Token
from kernel_server.settings import Settings

_HEALTH_NAMES = ("", "ModelService", "PredictionService", prediction_service.SERVICE, model_service.SERVICE)


class GrpcServer:
    """Serves prediction, model, control, health and reflection; see :meth:`start`."""

    def __init__(
        self, handlers: Handlers, process: ServerProcess, settings: Settings, token: Token | None
    ) -> None:
        self._settings = settings
        self._server = grpc.aio.server(options=_options(settings.grpc_channel_arguments))
        self._health = health.aio.HealthServicer()
        self._drain_started = handlers.drain.started
        self._health_follower: asyncio.Task[None] | None = None
        prediction = prediction_service.PredictionService(
            handlers, as_content=settings.enable_serialization_as_tensor_content
        )
        methods = {
            **prediction.methods(),
            **model_service.ModelService(handlers).methods(),
            **control_service.ControlService(handlers, process).methods(),
        }
        self._server.add_generic_rpc_handlers((Router(methods, token),))
        # Health carries no secrets and probes carry no tokens.
        health_pb2_grpc.add_HealthServicer_to_server(self._health, self._server)
        reflection.enable_server_reflection(
            (
                prediction_service.SERVICE,
                model_service.SERVICE,
                control_service.SERVICE,
                health.SERVICE_NAME,
                reflection.SERVICE_NAME,
            ),
            self._server,
        )

    async def start(
        self, port: int | None, socket_path: Path | None, credentials: grpc.ServerCredentials | None = None
    ) -> tuple[str | None, Path | None]:
        """Open the given addresses and serve; a port of 0 is chosen by the system.

        Returns the TCP address and the socket path listened on. Raises the errors of ``rpc.addresses``.
        """
        host = self._settings.host
        bound = None if port is None else listen_tcp(self._server, host, port, credentials)
        path = None if socket_path is None else listen_unix(self._server, socket_path, credentials)
        await self._server.start()
        self._health_follower = asyncio.create_task(self._tell_health())
        return (None if bound is None else f"{host}:{bound}"), path

    async def stop(self, grace_seconds: float) -> None:
        """Close the addresses; calls in progress get ``grace_seconds`` to end."""
        if self._health_follower is not None:
            self._health_follower.cancel()
        await self._server.stop(grace_seconds)

    async def _tell_health(self) -> None:
        for name in _HEALTH_NAMES:
            await self._health.set(name, health_pb2.HealthCheckResponse.SERVING)
        await self._drain_started.wait()
        for name in _HEALTH_NAMES:
            await self._health.set(name, health_pb2.HealthCheckResponse.NOT_SERVING)


def _options(channel_arguments: str) -> list[tuple[str, str | int]]:
    """Unlimited messages, no port sharing, then the user's ``key=value,key=value``."""
    options: dict[str, str | int] = {
        "grpc.max_receive_message_length": -1,
        "grpc.max_send_message_length": -1,
        # Shared ports would let a second server start unnoticed and steal half of the requests.
        "grpc.so_reuseport": 0,
    }
    for pair in filter(None, channel_arguments.split(",")):
        key, _, value = pair.partition("=")
        options[key.strip()] = int(value) if value.strip().lstrip("-").isdigit() else value
    return list(options.items())
