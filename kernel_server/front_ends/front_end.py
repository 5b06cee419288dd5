"""A front end's own side: connections of clients, whose calls go to the model process."""

from __future__ import annotations

import asyncio
import socket
import ssl

from kernel_server.errors import Unavailable
from kernel_server.front_ends.calls import RelayedCall, RelayedGroups
from kernel_server.front_ends.link import ANSWER_SIZES, Kind, Link
from kernel_server.http2.connection import Connection
from kernel_server.http2.headers import Headers
from kernel_server.http2.stream import Answering, Exchange, Stream
from kernel_server.rpc.call import refused
from kernel_server.rpc.gathered_call import GatheredCall, may_be_gathered
from kernel_server.rpc.gathering import Gathering


class ModelProcessBusy(Unavailable):
    """The model process does not take what the front end has for it."""

    def __init__(self) -> None:
        super().__init__("The server does not keep up with its requests; try again, or send to another one.")


class FrontEnd:
    """Relays until the model process says to leave, or is gone."""

    def __init__(self) -> None:
        self._link = Link(self._take, self._lost)
        self.connections: set[Connection] = set()
        self._calls: dict[int, Answering] = {}
        self._groups = RelayedGroups(self._calls, self._link)
        self._gathering = Gathering(self._groups)
        self._last = 0
        self._leaving = asyncio.Event()
        self._grace_seconds = 0.0

    async def serve(
        self, link: socket.socket, listening: socket.socket, tls: ssl.SSLContext | None = None
    ) -> None:
        """Take connections from ``listening``; return when all are gone."""
        loop = asyncio.get_running_loop()
        await loop.create_unix_connection(lambda: self._link, sock=link)
        listener = await loop.create_server(self._connect, sock=listening, ssl=tls)
        await self._leaving.wait()
        listener.close()
        left = [connection.closed for connection in self.connections]
        for connection in list(self.connections):
            connection.leave()
        if left:
            await asyncio.wait(left, timeout=self._grace_seconds)
        for connection in list(self.connections):
            connection.abort()
        self._link.close()

    def _connect(self) -> Connection:
        return Connection(self._accept, self.connections)

    def _accept(self, stream: Stream, headers: Headers) -> Exchange:
        if self._link.full:
            return refused(stream, ModelProcessBusy())
        self._last = number = self._last + 1 & 0xFFFFFFFF
        if may_be_gathered(headers):
            return GatheredCall(stream, headers, self._gathering, self._relay, number)
        return self._relayed(number, stream, headers)

    def _relay(self, call: GatheredCall) -> Exchange:
        return self._relayed(call.number, call.stream, call.headers)

    def _relayed(self, number: int, stream: Answering, headers: Headers) -> Exchange:
        call = RelayedCall(self._calls, self._link, number, stream)
        call.open(headers)
        return call

    def _take(self, kind: int, number: int, payload: bytes) -> None:
        if kind == Kind.LEAVE:
            self._grace_seconds = float(payload)
            self._leaving.set()
        elif kind == Kind.WRITE:
            if stream := self._calls.get(number):
                head, _, body = _split(payload)
                stream.write(head, body)
        elif kind == Kind.ANSWERS:
            self._groups.answered(number, payload)
        elif kind == Kind.APART:
            self._groups.apart(number, payload)
        elif stream := self._calls.pop(number, None):
            if kind == Kind.ANSWER:
                head, trailers, body = _split(payload)
                stream.answer(head, body, trailers)
            else:
                stream.finish(payload)

    def _lost(self) -> None:
        """Without the model process nothing can be answered."""
        self._calls.clear()
        for connection in list(self.connections):
            connection.abort()
        self._leaving.set()


def _split(payload: bytes) -> tuple[bytes, bytes, bytes]:
    """Headers, trailers and body of an answer."""
    head, trailers = ANSWER_SIZES.unpack_from(payload)
    begin = ANSWER_SIZES.size
    middle, end = begin + head, begin + head + trailers
    return payload[begin:middle], payload[middle:end], payload[end:]
