"""One request and its answer on a connection."""

from __future__ import annotations

from typing import Protocol

from kernel_server.http2.frames import END_HEADERS, END_STREAM, Frame, frame


class Sender(Protocol):
    """The connection as its streams see it: what the client lets it send, and the way there."""

    window: int
    max_frame: int

    def send(self, data: bytes) -> None:
        """Put frames on their way."""

    def forget(self, stream: Stream) -> None:
        """The stream has ended."""


class Exchange(Protocol):
    """What happens on one stream; made for every request, told what arrives."""

    def data(self, payload: bytes) -> None:
        """More of the request's body."""

    def end(self) -> None:
        """The request is complete."""

    def gone(self) -> None:
        """The client reset the stream or the connection is lost: no answer is wanted any more."""


class Stream:
    """The answering side of one request; ``write`` and ``finish`` may be called from the loop at any time."""

    __slots__ = ("_connection", "_ending", "_sent", "_waiting", "exchange", "number", "received", "window")

    def __init__(self, connection: Sender, number: int, window: int) -> None:
        self._connection = connection
        self.number = number
        self.window = window
        self.received = 0
        self.exchange: Exchange | None = None
        self._waiting = b""
        self._sent = 0
        self._ending: bytes | None = None

    def write(self, head: bytes, body: bytes) -> None:
        """Send a header block, which may be empty, and then ``body`` as far as the client takes it."""
        connection = self._connection
        if head:
            connection.send(frame(Frame.HEADERS, END_HEADERS, self.number, head))
        if body:
            self._waiting = self._waiting[self._sent :] + body if self._waiting else body
            self._sent = 0
            self.flush()

    def finish(self, trailers: bytes) -> None:
        """Send the trailing header block after everything else, and end the stream."""
        self._ending = frame(Frame.HEADERS, END_HEADERS | END_STREAM, self.number, trailers)
        self.flush()

    def answer(self, head: bytes, body: bytes, trailers: bytes) -> None:
        """The whole answer at once: the way of nearly every call."""
        connection, number, size = self._connection, self.number, len(body)
        if size > connection.max_frame or size > connection.window or size > self.window or self._waiting:
            self.write(head, body)
            self.finish(trailers)
            return
        connection.window -= size
        connection.send(
            frame(Frame.HEADERS, END_HEADERS, number, head)
            + frame(Frame.DATA, 0, number, body)
            + frame(Frame.HEADERS, END_HEADERS | END_STREAM, number, trailers)
        )
        connection.forget(self)

    def flush(self) -> None:
        """Send what the windows allow."""
        connection = self._connection
        while left := len(self._waiting) - self._sent:
            size = min(left, connection.max_frame, connection.window, self.window)
            if size <= 0:
                return
            begin, self._sent = self._sent, self._sent + size
            connection.send(frame(Frame.DATA, 0, self.number, self._waiting[begin : self._sent]))
            connection.window -= size
            self.window -= size
        self._waiting, self._sent = b"", 0
        if self._ending is not None:
            connection.send(self._ending)
            connection.forget(self)
