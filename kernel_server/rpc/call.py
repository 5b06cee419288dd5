"""One gRPC call on an HTTP/2 stream: its message, its deadline, its end."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable

from kernel_server.errors import Cancelled, DeadlineExceeded, Internal, ServingError
from kernel_server.http2.headers import Headers
from kernel_server.http2.stream import IGNORED, Answering, Exchange
from kernel_server.rpc.framing import (
    HEAD,
    OK,
    PREFIX_LENGTH,
    UNKNOWN,
    MessageTooLarge,
    NotOneMessage,
    announced_size,
    framed,
    inflated,
    subject,
    trailers,
)
from kernel_server.traffic.split import TRAFFIC_KEY
from kernel_server.turns import Turns

_log = logging.getLogger(__name__)

CLOCK_SLACK = 0.1
"""Seconds by which a client may find its deadline passed, and reset the stream, before the server does."""

_TIMEOUT_UNITS = {b"H": 3600.0, b"M": 60.0, b"S": 1.0, b"m": 1e-3, b"u": 1e-6, b"n": 1e-9}
_MOST_TIMEOUT_DIGITS = 8

TIMEOUT = b"grpc-timeout"

TIMED_OUT = "Timed out waiting for notification"
"""What a call is told whose deadline passes before it is answered."""


class Call:
    """The request of a client, and the one place where its answer is given.

    ``begin`` gets the call and its message, as bytes; afterwards :meth:`reply` or :meth:`fail` ends the
    call, now or later. ``on_gone`` runs when the client gives up or its deadline passes, ``on_refused`` gets
    ``model`` and the error that ends the call. Calls with one ``traffic_key`` stay with one arm of a split.
    """

    __slots__ = (
        "_answered_head",
        "_begin",
        "_encoding",
        "_ended",
        "_loop",
        "_most_bytes",
        "_received",
        "_size",
        "_stream",
        "_timer",
        "_turns",
        "deadline",
        "model",
        "on_gone",
        "on_refused",
        "traffic_key",
    )

    def __init__(
        self,
        stream: Answering,
        headers: Headers,
        begin: Callable[[Call, bytes], None],
        loop: asyncio.AbstractEventLoop,
        turns: Turns,
        most_bytes: int,
    ) -> None:
        self._stream = stream
        self._begin = begin
        self._loop = loop
        self._turns = turns
        self._most_bytes = most_bytes
        self._encoding = headers.get(b"grpc-encoding", b"identity")
        self._received = bytearray()
        self._size = UNKNOWN
        self._ended = self._answered_head = False
        self._timer: asyncio.TimerHandle | None = None
        self.deadline: float | None = None
        self.on_gone: Callable[[], None] | None = None
        self.on_refused: Callable[[str, ServingError], None] | None = None
        self.model = ""
        self.traffic_key = headers.get(TRAFFIC_KEY)
        timeout = headers.get(TIMEOUT)
        if timeout is not None and (seconds := seconds_of(timeout)) is not None:
            self.deadline = time.monotonic() + seconds
            self._timer = loop.call_later(seconds, self._expire)

    def data(self, payload: bytes) -> None:
        """More of the request; one that says it will be too long is refused before it is."""
        self._received += payload
        if len(self._received) > self._size:
            self._size = announced_size(self._received)
            if self._size > self._most_bytes + PREFIX_LENGTH:
                self.fail(MessageTooLarge(self._size - PREFIX_LENGTH, self._most_bytes))
            elif UNKNOWN < self._size < len(self._received):
                self.fail(NotOneMessage(self._received))

    def end(self) -> None:
        """The request is complete: hand its message over when its model has a turn."""
        if self._ended:
            return
        if len(self._received) == self._size:
            self._turns.take(subject(self._received), self._have_turn)
        else:
            self.fail(NotOneMessage(self._received))

    def gone(self) -> None:
        """Nobody waits for the answer any more."""
        if self._ended:
            return
        on_gone = self.on_gone
        self._finish()
        late = self.deadline is not None and time.monotonic() > self.deadline - CLOCK_SLACK
        self._tell_refusal(DeadlineExceeded() if late else Cancelled())
        if on_gone is not None:
            on_gone()

    def reply(self, message: bytes) -> bool:
        """Answer the call with its one message; false when nobody waits any more."""
        if self._ended:
            return False
        self._finish()
        self._stream.answer(HEAD, framed(message), OK)
        return True

    def send(self, message: bytes) -> None:
        """Answer one message of several; :meth:`close` ends them."""
        if not self._ended:
            self._stream.write(b"" if self._answered_head else HEAD, framed(message))
            self._answered_head = True

    def close(self) -> None:
        """End a series of messages well."""
        if not self._ended:
            self._finish()
            self._stream.finish(trailers(None, with_head=not self._answered_head))

    def fail(self, error: ServingError) -> None:
        """End the call with the status and message of ``error``."""
        if not self._ended:
            self._finish()
            self._tell_refusal(error)
            self._stream.finish(trailers(error, with_head=not self._answered_head))

    def _tell_refusal(self, error: ServingError) -> None:
        if self.on_refused is not None:
            self.on_refused(self.model, error)

    def _finish(self) -> None:
        self._ended = True
        self.on_gone = None  # it refers to the call: the two would wait for the garbage collector
        if self._timer is not None:
            self._timer.cancel()

    def _have_turn(self) -> None:
        if not self._ended:
            self._hand_over(self._size)

    def _hand_over(self, size: int) -> None:
        """Let the method have the first message, which takes ``size`` bytes."""
        try:
            self._begin(self, self._take(size))
        except ServingError as error:
            self.fail(error)
        except Exception as error:  # a defect must end the call, not the connection
            _log.exception("A call failed")
            self.fail(Internal(f"{type(error).__name__}: {error}"))

    def _take(self, size: int) -> bytes:
        compressed = self._received[0]
        message = bytes(memoryview(self._received)[PREFIX_LENGTH:size])
        del self._received[:size]
        return inflated(message, self._encoding, self._most_bytes) if compressed else message

    def _expire(self) -> None:
        on_gone = self.on_gone
        self.fail(DeadlineExceeded(TIMED_OUT))
        if on_gone is not None:
            on_gone()


class Conversation(Call):
    """A call with any number of requests: ``begin`` gets each as soon as it is whole."""

    __slots__ = ()

    def data(self, payload: bytes) -> None:
        """More of the requests."""
        self._received += payload
        while not self._ended and (size := announced_size(self._received)) > UNKNOWN:
            if size > self._most_bytes + PREFIX_LENGTH:
                self.fail(MessageTooLarge(size - PREFIX_LENGTH, self._most_bytes))
            elif size > len(self._received):
                return
            else:
                self._hand_over(size)
        if self._ended:
            self._received.clear()

    def end(self) -> None:
        """No more requests will come: neither will answers."""
        if self._received:
            self.fail(NotOneMessage(self._received))
        self.close()


def seconds_of(timeout: bytes) -> float | None:
    """A ``grpc-timeout``; one that cannot be read is none, as with grpcio."""
    digits, unit = timeout[:-1], _TIMEOUT_UNITS.get(timeout[-1:])
    if unit is None or not digits.isdigit() or len(digits) > _MOST_TIMEOUT_DIGITS:
        return None
    return int(digits) * unit


def timeout_of(seconds: float) -> bytes:
    """The value of a ``grpc-timeout``, at least a millisecond and at most a day."""
    return b"%dm" % min(max(1, int(seconds * 1e3)), 86_400_000)


def refused(stream: Answering, error: ServingError) -> Exchange:
    """A call that is answered with the status and message of ``error`` before its request is read."""
    stream.finish(trailers(error, with_head=True))
    return IGNORED
