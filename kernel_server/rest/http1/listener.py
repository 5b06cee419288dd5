"""The port that HTTP/1.1 is spoken on: opened, watched over, closed."""

from __future__ import annotations

import asyncio
import ssl

from kernel_server.rest.http1.connection import Connection
from kernel_server.rest.http1.exchange import Service

_BACKLOG = 1024
"""Connections that may wait to be accepted: a load generator opens hundreds at once."""

_WATCH_SECONDS = 1.0


class Listener:
    """Hands the requests of all connections to ``service``, from :meth:`open` to :meth:`close`."""

    def __init__(self, service: Service) -> None:
        self._service = service
        self._connections: set[Connection] = set()
        self._server: asyncio.Server | None = None
        self._watch: asyncio.TimerHandle | None = None

    async def open(self, host: str, port: int, tls: ssl.SSLContext | None) -> int:
        """Listen, and return the bound port; a port of 0 is chosen by the system. Raises ``OSError``."""
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(
            lambda: Connection(self._service, self._connections), host, port, ssl=tls, backlog=_BACKLOG
        )
        self._watch_over()
        bound: int = self._server.sockets[0].getsockname()[1]
        return bound

    async def close(self, grace_seconds: float) -> None:
        """Accept nothing more, give running requests ``grace_seconds`` to end, then close everything."""
        if self._server is None or self._watch is None:
            return
        self._server.close()
        self._watch.cancel()
        for connection in list(self._connections):
            connection.leave()
        left = [connection.closed for connection in self._connections]
        if left:
            await asyncio.wait(left, timeout=grace_seconds)
        for connection in list(self._connections):
            connection.abort()
        await self._server.wait_closed()

    def _watch_over(self) -> None:
        """Send away clients that keep the server waiting."""
        loop = asyncio.get_running_loop()
        now = loop.time()
        for connection in list(self._connections):
            connection.expire(now)
        self._watch = loop.call_later(_WATCH_SECONDS, self._watch_over)
