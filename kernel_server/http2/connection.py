"""One HTTP/2 connection of a client, from its first words to its end."""

from __future__ import annotations

import asyncio
from collections.abc import MutableSet
from typing import cast

from kernel_server.http2.frames import (
    ACK,
    DEFAULT_WINDOW,
    HEAD,
    PREFACE,
    SETTINGS,
    ConnectionFault,
    ErrorCode,
    Setting,
    go_away,
    settings,
    window_update,
)
from kernel_server.http2.headers import LARGEST_HEADER_LIST
from kernel_server.http2.incoming import MOST_STREAMS, RECEIVE_WINDOW, Accept, Incoming
from kernel_server.http2.outgoing import Outgoing

_HELLO = settings(
    {
        Setting.MAX_CONCURRENT_STREAMS: MOST_STREAMS,
        Setting.INITIAL_WINDOW_SIZE: RECEIVE_WINDOW,
        Setting.MAX_HEADER_LIST_SIZE: LARGEST_HEADER_LIST,
    }
) + window_update(0, RECEIVE_WINDOW - DEFAULT_WINDOW)
_NOT_HTTP2 = (
    b"HTTP/1.1 400 Bad Request\r\nContent-Type: text/plain\r\nConnection: close\r\n\r\n"
    b"This port speaks gRPC (HTTP/2). REST has a port of its own: --rest_api_port.\n"
)


class Connection(asyncio.Protocol):
    """Hands each request of a client to ``accept``; is in ``register`` while it lasts.

    A fault of the client ends a stream where no other is touched by it, and else the connection.
    """

    _incoming: Incoming
    _outgoing: Outgoing

    def __init__(self, accept: Accept, register: MutableSet[Connection]) -> None:
        self._accept = accept
        self._register = register
        self.closed: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._buffer = b""
        self._greeted = self._over = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """A client has connected; it speaks first, so that one of HTTP/1 can be answered in its tongue."""
        self._outgoing = Outgoing(cast(asyncio.Transport, transport))
        self._incoming = Incoming(self._accept, self._outgoing, self._close)
        self._register.add(self)

    def connection_lost(self, exc: Exception | None) -> None:
        """Nobody is left to answer."""
        self._close()
        self._register.discard(self)
        self.closed.set_result(None)

    def pause_writing(self) -> None:
        """The client does not read what it is sent."""
        self._outgoing.hold()

    def resume_writing(self) -> None:
        """The client reads again."""
        self._outgoing.release()

    def leave(self) -> None:
        """Take no new streams; close when the present ones have ended."""
        if self._greeted:
            self._outgoing.send(go_away(self._incoming.last_stream, ErrorCode.NO_ERROR))
        self._incoming.leave()

    def abort(self) -> None:
        """Close at once."""
        self._outgoing.abort()

    def data_received(self, data: bytes) -> None:
        """Take in whatever has arrived; a client that breaks the protocol is told why and left."""
        if self._over:
            return
        data = self._buffer + data if self._buffer else data
        try:
            begin = 0 if self._greeted else self._read_preface(data)
            if self._greeted:
                begin = self._incoming.read(data, begin)
            self._buffer = data[begin:]
            self._outgoing.flush()
        except ConnectionFault as fault:
            self._outgoing.send(go_away(self._incoming.last_stream, fault.code, str(fault)))
            self._close()

    def _read_preface(self, data: bytes) -> int:
        """Where the frames begin; the first must be a SETTINGS frame (RFC 9113, section 3.4)."""
        size = len(PREFACE)
        if not PREFACE.startswith(data[:size]):
            self._outgoing.send(_NOT_HTTP2)
            self._close()
        elif len(data) >= size + HEAD.size:
            _, _, kind, flags, _ = HEAD.unpack_from(data, size)
            if kind != SETTINGS or flags & ACK:
                raise ConnectionFault(ErrorCode.PROTOCOL_ERROR, "the first frame must be SETTINGS")
            self._greeted = True
            self._outgoing.send(_HELLO)
            return size
        return 0

    def _close(self) -> None:
        """End the connection once everything is sent; nobody's answer is wanted any more."""
        self._over = True
        self._incoming.drop_all()
        self._outgoing.close()
