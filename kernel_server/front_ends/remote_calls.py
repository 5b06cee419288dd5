"""The model process's side of one front end: the calls that it relays."""

from __future__ import annotations

import marshal
from collections.abc import Callable
from functools import lru_cache

from kernel_server.errors import ServingError
from kernel_server.front_ends.link import ANSWER_SIZES, Kind, Link
from kernel_server.front_ends.remote_groups import RemoteGroups
from kernel_server.http2.headers import Headers
from kernel_server.http2.stream import Answering, Exchange
from kernel_server.rpc.call import refused
from kernel_server.rpc.predicts_together import PredictsTogether

Accept = Callable[[Answering, Headers], Exchange]


class RemoteCalls:
    """Hands each relayed call to ``accept``, and what becomes of it to its exchange.

    ``together`` begins those that the front end has gathered, of which there are none without it.
    """

    def __init__(self, accept: Accept, together: PredictsTogether | None = None) -> None:
        self._accept = accept
        self._groups = RemoteGroups(self, together) if together is not None else None
        self._exchanges: dict[int, Exchange] = {}
        self.link = Link(self._take, self._lost)

    def forget(self, number: int) -> None:
        """The call is answered."""
        self._exchanges.pop(number, None)

    def ask(self, number: int, headers: Headers, message: bytes) -> None:
        """Take a whole call."""
        exchange = self._open(number, headers)
        exchange.data(message)
        exchange.end()

    def fail(self, number: int, error: ServingError) -> None:
        """Answer a call with an error."""
        refused(RemoteStream(self, number), error)

    def _take(self, kind: int, number: int, payload: bytes) -> None:
        if kind >= Kind.TEMPLATE and self._groups is not None:
            self._groups.take(kind, number, payload)
            return
        if kind == Kind.OPEN:
            self._open(number, _unpacked(payload))
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

    def _open(self, number: int, headers: Headers) -> Exchange:
        stream = RemoteStream(self, number)
        exchange = self._accept(stream, headers)
        if not stream.ended:
            self._exchanges[number] = exchange
        return exchange

    def _lost(self) -> None:
        exchanges, self._exchanges = self._exchanges, {}
        for exchange in exchanges.values():
            exchange.gone()
        if self._groups is not None:
            self._groups.lost()


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


@lru_cache(maxsize=1024)
def _unpacked(payload: bytes) -> Headers:
    headers: Headers = marshal.loads(payload)
    return headers
