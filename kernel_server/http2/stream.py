"""One request and its answer on a connection."""

from __future__ import annotations

from typing import Protocol

from kernel_server.http2.frames import (
    DATA,
    END_HEADERS,
    END_STREAM,
    HEAD,
    HEADERS,
    LARGEST_WINDOW,
    ErrorCode,
    frame,
    reset,
)
from kernel_server.http2.outgoing import MOST_UNSENT, Outgoing

_pack = HEAD.pack

_MOST_WAITING = 1 << 20
"""Bytes of a series of messages that a client may leave unread before it loses them."""


class Owner(Protocol):
    """The connection as its streams see it."""

    out: Outgoing

    def forget(self, stream: Stream) -> None:
        """The stream has ended."""


class Answering(Protocol):
    """What an exchange answers through; may be called from the loop at any time."""

    def answer(self, head: bytes, body: bytes, trailers: bytes) -> None:
        """Answer a complete request with headers, a body and trailers: the way of nearly every call."""

    def write(self, head: bytes, body: bytes) -> None:
        """Send a header block, which may be empty, and then ``body`` as far as the client takes it."""

    def finish(self, trailers: bytes) -> None:
        """Send the trailing header block after everything else, and end the stream."""


class Exchange(Protocol):
    """What happens on one stream; made for every request, told what arrives."""

    def data(self, payload: bytes) -> None:
        """More of the request's body."""

    def end(self) -> None:
        """The request is complete."""

    def gone(self) -> None:
        """The stream was reset or the connection is lost: no answer is wanted any more."""


class Ignored:
    """The exchange of a stream that was answered before its request was read."""

    def data(self, payload: bytes) -> None:
        """Not wanted any more."""

    def end(self) -> None:
        """Not waited for any more."""

    def gone(self) -> None:
        """Not missed."""


IGNORED = Ignored()


class Stream:
    """The answering side of one request; see :class:`Answering`.

    ``complete`` says that the request is, ``unread`` how many bytes it has while it is not, and
    ``received`` how many the client has not been allowed anew.
    """

    __slots__ = (
        "_ending",
        "_out",
        "_owner",
        "_sent",
        "_waiting",
        "_widened",
        "complete",
        "exchange",
        "number",
        "received",
        "unread",
    )

    exchange: Exchange

    def __init__(self, owner: Owner, number: int) -> None:
        self._owner = owner
        self._out = owner.out
        self._widened = 0
        self._waiting = b""
        self._sent = 0
        self._ending: bytes | None = None
        self.number = number
        self.complete = False
        self.received = self.unread = 0

    def answer(self, head: bytes, body: bytes, trailers: bytes) -> None:
        """See :meth:`Answering.answer`."""
        out, number, size = self._out, self.number, len(body)
        if size > out.max_frame or size > out.window or size > out.initial_window + self._widened:
            self.write(head, body)
            self.finish(trailers)
            return
        out.window -= size
        out.send(
            b"".join(
                (
                    _pack(0, len(head), HEADERS, END_HEADERS, number),
                    head,
                    _pack(size >> 16, size & 0xFFFF, DATA, 0, number),
                    body,
                    _pack(0, len(trailers), HEADERS, END_HEADERS | END_STREAM, number),
                    trailers,
                )
            )
        )
        self._owner.forget(self)

    def write(self, head: bytes, body: bytes) -> None:
        """See :meth:`Answering.write`. A client that takes none of a series ends the stream by that."""
        out, left = self._out, len(self._waiting) - self._sent
        if left and (left > _MOST_WAITING or out.unsent > MOST_UNSENT):
            self.reset(ErrorCode.ENHANCE_YOUR_CALM)
            return
        if head:
            out.send(frame(HEADERS, END_HEADERS, self.number, head))
        self._waiting = self._waiting[self._sent :] + body if left else body
        self._sent = 0
        out.unsent += len(body)
        self.flush()

    def finish(self, trailers: bytes) -> None:
        """See :meth:`Answering.finish`."""
        self._ending = frame(HEADERS, END_HEADERS | END_STREAM, self.number, trailers)
        self.flush()

    def flush(self) -> None:
        """Send what the windows allow."""
        out = self._out
        while left := len(self._waiting) - self._sent:
            size = min(left, out.max_frame, out.window, out.initial_window + self._widened)
            if size <= 0:
                out.block(self)
                return
            begin, self._sent = self._sent, self._sent + size
            out.window -= size
            out.unsent -= size
            self._widened -= size
            out.send(frame(DATA, 0, self.number, self._waiting[begin : self._sent]))
        self._waiting, self._sent = b"", 0
        out.unblock(self)
        if self._ending is not None:
            out.send(self._ending if self.complete else self._ending + reset(self.number, ErrorCode.NO_ERROR))
            self._owner.forget(self)

    def widen(self, increment: int) -> None:
        """The client takes more on this stream."""
        self._widened += increment
        if self._out.initial_window + self._widened > LARGEST_WINDOW:
            self.reset(ErrorCode.FLOW_CONTROL_ERROR)
        elif self._waiting:
            self.flush()

    def reset(self, code: ErrorCode) -> None:
        """End the stream early for a fault of the client."""
        self._out.send(reset(self.number, code))
        self.drop()

    def drop(self) -> None:
        """The client has ended the stream early, or has lost it: nothing more is sent."""
        out = self._out
        out.unblock(self)
        out.unsent -= len(self._waiting) - self._sent
        self._waiting, self._sent = b"", 0
        exchange = self.exchange
        self._owner.forget(self)
        exchange.gone()
