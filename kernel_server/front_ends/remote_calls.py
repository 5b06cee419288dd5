"""The model process's side of one front end: the calls that it relays."""

from __future__ import annotations

import marshal
import struct
from collections.abc import Callable
from functools import lru_cache

from kernel_server.front_ends.link import Kind, Link
from kernel_server.http2.headers import Headers
from kernel_server.http2.stream import Answering, Exchange

ANSWER_SIZES = struct.Struct("<HH")
"""Before an answer in one piece: the bytes of its headers, and of its trailers, which follow."""

Accept = Callable[[Answering, Headers], Exchange]


class RemoteCalls:
    """Hands each relayed call to ``accept``, and what becomes of it to its exchange."""

    def __init__(self, accept: Accept) -> None:
        self._accept = accept
        self._exchanges: dict[int, Exchange] = {}
        self.link = Link(self._take, self._lost)

    def forget(self, number: int) -> None:
        """The call is answered."""
        self._exchanges.pop(number, None)

    def _take(self, kind: int, number: int, payload: bytes) -> None:
        if kind == Kind.OPEN:
            self._open(number, payload)
            return
        exchange = self._exchanges.get(number)
        if exchange is None:  # answered before its request was complete
            return
        if kind == Kind.DATA:
            exchange.data(payload)
        elif kind == Kind.END:
            exchange.end()
        else:
            self.forget(number)
            exchange.gone()

    def _open(self, number: int, headers: bytes) -> None:
        stream = RemoteStream(self, number)
        exchange = self._accept(stream, _unpacked(headers))
        if not stream.ended:
            self._exchanges[number] = exchange

    def _lost(self) -> None:
        exchanges, self._exchanges = self._exchanges, {}
        for exchange in exchanges.values():
            exchange.gone()


class RemoteStream:
    """Answers one relayed call; see :class:`kernel_server.http2.stream.Stream`."""

    __slots__ = ("_calls", "_number", "ended")

    def __init__(self, calls: RemoteCalls, number: int) -> None:
        self._calls = calls
        self._number = number
        self.ended = False

    def answer(self, head: bytes, body: bytes, trailers: bytes) -> None:
        """Answer a complete request."""
        sizes = ANSWER_SIZES.pack(len(head), len(trailers))
        self._calls.link.send(Kind.ANSWER, self._number, sizes, head, trailers, body)
        self._forget()

    def write(self, head: bytes, body: bytes) -> None:
        """Send headers, which may be empty, and a part of the body."""
        sizes = ANSWER_SIZES.pack(len(head), 0)
        self._calls.link.send(Kind.WRITE, self._number, sizes, head, body)

    def finish(self, trailers: bytes) -> None:
        """End the call."""
        self._calls.link.send(Kind.FINISH, self._number, trailers)
        self._forget()

    def _forget(self) -> None:
        self.ended = True
        self._calls.forget(self._number)


def packed(headers: Headers) -> bytes:
    """Headers as the payload of ``OPEN``."""
    return marshal.dumps(dict(headers))


@lru_cache(maxsize=1024)
def _unpacked(payload: bytes) -> Headers:
    headers: Headers = marshal.loads(payload)
    return headers
