"""Our HTTP/2 on real sockets within the test's own process: connections, a router, and small methods."""

from __future__ import annotations

import asyncio
import socket
import ssl
import threading
from collections.abc import AsyncIterator, Callable, Collection, Iterable, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TypeVar

import uvloop
from google.protobuf.wrappers_pb2 import BytesValue, Int64Value

from kernel_server.errors import NotFound
from kernel_server.front_ends.front_end import FrontEnd
from kernel_server.front_ends.remote_calls import RemoteCalls
from kernel_server.http2.connection import Connection
from kernel_server.rpc.addresses import bind_tcp, listen_tcp, listen_unix
from kernel_server.rpc.call import Call
from kernel_server.rpc.methods import Begin, conversation, streaming
from kernel_server.rpc.router import Router
from kernel_server.turns import Turns

PATIENCE = 60.0
ECHO, LENGTH, GIVE, HOLD, FAIL, BREAK, COUNT, FLOOD, TALK = (
    f"/test.Small/{name}"
    for name in ("Echo", "Length", "Give", "Hold", "Fail", "Break", "Count", "Flood", "Talk")
)

T = TypeVar("T")


class LoopServer:
    """Serves the given methods on an event loop in a thread of its own until it is closed.

    What reaches the loop's exception handler, as a crash of a connection does, fails :meth:`close`.
    """

    def __init__(
        self,
        methods: Mapping[str, Begin],
        *,
        conversations: Collection[str] = (),
        most_bytes: int = 2**31 - 1,
        tls: ssl.SSLContext | None = None,
        socket_path: Path | None = None,
        front_end: bool = False,
    ) -> None:
        self.connections: set[Connection] = set()
        self.address: tuple[str, int]
        self.crashes: list[str] = []
        self._make_router = lambda: Router(
            methods, None, Turns(), conversations=conversations, most_bytes=most_bytes
        )
        self._tls = tls
        self._socket_path = socket_path
        self._front_end = front_end
        self._started = threading.Event()
        self._thread = threading.Thread(target=uvloop.run, args=(self._serve(),))
        self._thread.start()
        assert self._started.wait(PATIENCE)

    @property
    def target(self) -> str:
        """Where grpcio connects."""
        return f"{self.address[0]}:{self.address[1]}"

    def run(self, function: Callable[[], T]) -> T:
        """What ``function`` returns on the loop."""

        async def call() -> T:
            return function()

        return asyncio.run_coroutine_threadsafe(call(), self._loop).result(PATIENCE)

    def leave(self) -> None:
        """Send every client away."""
        self.run(lambda: [connection.leave() for connection in list(self.connections)])

    def close(self) -> None:
        """Drop every client; nothing may have crashed."""
        self._loop.call_soon_threadsafe(self._ending.set)
        self._thread.join(PATIENCE)
        assert not self._thread.is_alive()
        assert self.crashes == []

    async def _serve(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._loop.set_exception_handler(lambda loop, context: self.crashes.append(repr(context)))
        self._ending = asyncio.Event()
        router = self._make_router()
        async with self._relaying(router) if self._front_end else self._listening_to(router):
            self._started.set()
            await self._ending.wait()
        lost = [connection.closed for connection in self.connections]
        for connection in list(self.connections):
            connection.abort()
        if lost:
            await asyncio.wait(lost, timeout=PATIENCE)

    @asynccontextmanager
    async def _listening_to(self, router: Router) -> AsyncIterator[None]:
        def connect() -> Connection:
            return Connection(router.accept, self.connections)

        listeners = [await listen_tcp(connect, "127.0.0.1", 0, self._tls)]
        self.address = listeners[0].sockets[0].getsockname()
        if self._socket_path is not None:
            listeners.append(await listen_unix(connect, self._socket_path, self._tls))
        yield
        for listener in listeners:
            listener.close()
        if self._socket_path is not None:
            self._socket_path.unlink()

    @asynccontextmanager
    async def _relaying(self, router: Router) -> AsyncIterator[None]:
        """A front end of its own takes the connections."""
        front_end, link = FrontEnd(), RemoteCalls(router.accept).link
        self.connections = front_end.connections
        bound, (ours, theirs) = bind_tcp("127.0.0.1", 0), socket.socketpair()
        self.address = bound.getsockname()
        await asyncio.get_running_loop().create_unix_connection(lambda: link, sock=ours)
        relaying = asyncio.create_task(front_end.serve(theirs, bound, self._tls))
        yield
        link.close()
        await asyncio.wait_for(relaying, PATIENCE)


class Small:
    """Methods by which every way of a call can be seen."""

    def __init__(self) -> None:
        self.held: list[Call] = []
        self.given_up: list[Call] = []
        self.floods_ended = 0

    def methods(self) -> dict[str, Begin]:
        """The methods by full name."""
        return {
            ECHO: lambda call, message: call.reply(message),
            LENGTH: lambda call, message: call.reply(b"%d" % len(message)),
            GIVE: lambda call, message: call.reply(bytes(int(message))),
            HOLD: self._hold,
            FAIL: lambda call, message: call.fail(NotFound(message.decode())),
            BREAK: self._break,
            COUNT: streaming(self._count, Int64Value),
            FLOOD: streaming(self._flood, Int64Value),
            TALK: conversation(self._talk, BytesValue),
        }

    def _hold(self, call: Call, message: bytes) -> None:
        """Answered when the test says so; a call that is given up is told of once."""
        given_up = self.given_up
        call.on_gone = lambda: given_up.append(call)
        self.held.append(call)

    def _break(self, call: Call, message: bytes) -> None:
        raise RuntimeError("a defect of a method")

    async def _count(self, request: Int64Value) -> AsyncIterator[Int64Value]:
        for number in range(request.value):
            yield Int64Value(value=number)

    async def _flood(self, request: Int64Value) -> AsyncIterator[BytesValue]:
        """Messages of the given size for as long as anybody is there."""
        try:
            while True:
                yield BytesValue(value=bytes(request.value))
                await asyncio.sleep(0)
        finally:
            self.floods_ended += 1

    def _talk(self, request: BytesValue) -> Iterable[BytesValue]:
        yield BytesValue(value=request.value * 2)
