"""A front end's own side: connections of clients, whose calls go to the model process."""

from __future__ import annotations

import asyncio
import socket
import ssl

from kernel_server.errors import Unavailable
from kernel_server.front_ends.link import Kind, Link
from kernel_server.front_ends.remote_calls import ANSWER_SIZES, packed
from kernel_server.http2.connection import Connection
from kernel_server.http2.headers import Headers
from kernel_server.http2.stream import Exchange, Stream
from kernel_server.rpc.call import refused


class ModelProcessBusy(Unavailable):
    """The model process does not take what the front end has for it."""

    def __init__(self) -> None:
        super().__init__("The server does not keep up with its requests; try again, or send to another one.")


class FrontEnd:
    """Relays until the model process says to leave, or is gone."""

    def __init__(self) -> None:
        self._link = Link(self._take, self._lost)
        self.connections: set[Connection] = set()
        self._streams: dict[int, Stream] = {}
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

    def forget(self, number: int) -> None:
        """Nobody waits for the answer of a call any more."""
        if self._streams.pop(number, None) is not None:
            self._link.send(Kind.GONE, number)

    def _connect(self) -> Connection:
        return Connection(self._accept, self.connections)

    def _accept(self, stream: Stream, headers: Headers) -> Exchange:
        if self._link.full:
            return refused(stream, ModelProcessBusy())
        self._last = number = self._last + 1 & 0xFFFFFFFF
        self._streams[number] = stream
        self._link.send(Kind.OPEN, number, packed(headers))
        return _Relayed(self, self._link, number)

    def _take(self, kind: int, number: int, payload: bytes) -> None:
        if kind == Kind.LEAVE:
            self._grace_seconds = float(payload)
            self._leaving.set()
        elif kind == Kind.WRITE:
            if stream := self._streams.get(number):
                head, _, body = _split(payload)
                stream.write(head, body)
        elif stream := self._streams.pop(number, None):
            if kind == Kind.ANSWER:
                head, trailers, body = _split(payload)
                stream.answer(head, body, trailers)
            else:
                stream.finish(payload)

    def _lost(self) -> None:
        """Without the model process nothing can be answered."""
        self._streams.clear()
        for connection in list(self.connections):
            connection.abort()
        self._leaving.set()


class _Relayed:
    """The request of one stream, on its way to the model process as it arrives."""

    __slots__ = ("_front_end", "_link", "_number")

    def __init__(self, front_end: FrontEnd, link: Link, number: int) -> None:
        self._front_end = front_end
        self._link = link
        self._number = number

    def data(self, payload: bytes) -> None:
        self._link.send(Kind.DATA, self._number, payload)

    def end(self) -> None:
        self._link.send(Kind.END, self._number)

    def gone(self) -> None:
        self._front_end.forget(self._number)


def _split(payload: bytes) -> tuple[bytes, bytes, bytes]:
    """Headers, trailers and body of an answer."""
    head, trailers = ANSWER_SIZES.unpack_from(payload)
    begin = ANSWER_SIZES.size
    middle, end = begin + head, begin + head + trailers
    return payload[begin:middle], payload[middle:end], payload[end:]
