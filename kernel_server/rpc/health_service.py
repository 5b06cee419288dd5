"""``grpc.health.v1.Health``: whether the server takes requests."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

from grpc_health.v1.health_pb2 import HealthCheckRequest, HealthCheckResponse

from kernel_server.errors import NotFound
from kernel_server.handlers.drain import DrainHandler
from kernel_server.rpc.methods import Methods, streaming, unary

SERVICE = "grpc.health.v1.Health"
_SERVING, _NOT_SERVING = HealthCheckResponse.SERVING, HealthCheckResponse.NOT_SERVING
_SERVICE_UNKNOWN = HealthCheckResponse.SERVICE_UNKNOWN


class HealthService:
    """``SERVING`` for every known name until the server drains."""

    def __init__(self, names: tuple[str, ...], drain: DrainHandler) -> None:
        self._names = frozenset(("", *names))
        self._drain = drain

    def methods(self) -> Methods:
        """The methods by full name."""
        return {
            f"/{SERVICE}/Check": unary(self.check, HealthCheckRequest),
            f"/{SERVICE}/Watch": streaming(self.watch, HealthCheckRequest),
        }

    async def check(self, request: HealthCheckRequest) -> HealthCheckResponse:
        """The state now; ``NOT_FOUND`` for a name that is not served."""
        if request.service not in self._names:
            names = ", ".join(sorted(filter(None, self._names)))
            raise NotFound(f"Unknown service {request.service}. Known services: {names}")
        return HealthCheckResponse(status=_NOT_SERVING if self._drain.started.is_set() else _SERVING)

    async def watch(self, request: HealthCheckRequest) -> AsyncIterator[HealthCheckResponse]:
        """The state now and again when it changes; the stream ends with the client."""
        if request.service not in self._names:
            yield HealthCheckResponse(status=_SERVICE_UNKNOWN)
            await asyncio.Event().wait()
        if not self._drain.started.is_set():
            yield HealthCheckResponse(status=_SERVING)
            await self._drain.started.wait()
        yield HealthCheckResponse(status=_NOT_SERVING)
        await asyncio.Event().wait()
