"""One gRPC call on an HTTP/2 stream: message framing, deadline, status.

Source: gRPC's ``PROTOCOL-HTTP2.md``.
"""

from __future__ import annotations

import asyncio
import logging
import time
import zlib
from collections.abc import Callable
from urllib.parse import quote

from kernel_server.errors import (
    DeadlineExceeded,
    Internal,
    InvalidArgument,
    ResourceExhausted,
    ServingError,
    Unimplemented,
)
from kernel_server.http2.headers import Headers, write_headers
from kernel_server.http2.stream import Stream
from kernel_server.rpc.status_codes import status_message, status_number

_log = logging.getLogger(__name__)

PREFIX_LENGTH = 5
_TIMEOUT_UNITS = {"H": 3600.0, "M": 60.0, "S": 1.0, "m": 1e-3, "u": 1e-6, "n": 1e-9}
_INFLATE = {b"gzip": 16 + zlib.MAX_WBITS, b"deflate": zlib.MAX_WBITS}

_HEAD_FIELDS = [
    (b"content-type", b"application/grpc"),
    (b"grpc-accept-encoding", b"identity,deflate,gzip"),
]
_HEAD = write_headers(_HEAD_FIELDS, with_status=True)
_OK = write_headers([(b"grpc-status", b"0")])


class Call:
    """The request of a client, and the one place where its answer is given.

    ``begin`` gets the call and each message, as bytes; afterwards :meth:`reply` or :meth:`fail` ends the
    call, now or later. ``on_gone`` runs when the client gives up or its deadline passes.
    """

    __slots__ = (
        "_answered_head",
        "_begin",
        "_encoding",
        "_ended",
        "_loop",
        "_most_bytes",
        "_parts",
        "_size",
        "_stream",
        "_timer",
        "deadline",
        "on_gone",
    )

    def __init__(
        self,
        stream: Stream,
        headers: Headers,
        begin: Callable[[Call, bytes], None],
        loop: asyncio.AbstractEventLoop,
        most_bytes: int,
    ) -> None:
        self._stream = stream
        self._begin = begin
        self._loop = loop
        self._most_bytes = most_bytes
        self._encoding = headers.get(b"grpc-encoding", b"identity")
        self._parts: list[bytes] = []
        self._size = 0
        self._ended = self._answered_head = False
        self._timer: asyncio.TimerHandle | None = None
        self.deadline: float | None = None
        self.on_gone: Callable[[], None] | None = None
        timeout = headers.get(b"grpc-timeout")
        if timeout is not None:
            self._expire_after(timeout)

    def data(self, payload: bytes) -> None:
        """More of the request."""
        self._parts.append(payload)
        self._size += len(payload)
        if self._size > self._most_bytes + PREFIX_LENGTH:
            self._parts.clear()
            self.fail(
                ResourceExhausted(
                    f"Received message larger than max ({self._size} vs. {self._most_bytes}); raise "
                    "grpc.max_receive_message_length in --grpc_channel_arguments or send less at once"
                )
            )

    def end(self) -> None:
        """The request is complete: hand its message over."""
        if self._ended:
            return
        try:
            self._begin(self, self._message(b"".join(self._parts)))
        except ServingError as error:
            self.fail(error)
        except Exception as error:  # a defect must end the call, not the connection
            _log.exception("A call failed")
            self.fail(Internal(f"{type(error).__name__}: {error}"))

    def gone(self) -> None:
        """Nobody waits for the answer any more."""
        self._finish()
        if self.on_gone is not None:
            self.on_gone()

    def reply(self, message: bytes) -> None:
        """Answer the call with its one message; does nothing when nobody waits any more."""
        if not self._ended:
            self._finish()
            self._stream.answer(_HEAD, _framed(message), _OK)

    def send(self, message: bytes) -> None:
        """Answer one message of several; :meth:`close` ends them."""
        if not self._ended:
            self._stream.write(b"" if self._answered_head else _HEAD, _framed(message))
            self._answered_head = True

    def close(self) -> None:
        """End a series of messages well."""
        if not self._ended:
            self._finish()
            self._stream.finish(_OK if self._answered_head else _trailers(0, "", with_head=True))

    def fail(self, error: ServingError) -> None:
        """End the call with the status and message of ``error``."""
        if not self._ended:
            self._finish()
            message = status_message(error)
            self._stream.finish(_trailers(status_number(error), message, with_head=not self._answered_head))

    def _finish(self) -> None:
        self._ended = True
        if self._timer is not None:
            self._timer.cancel()

    def _message(self, body: bytes) -> bytes:
        if len(body) < PREFIX_LENGTH or len(body) - PREFIX_LENGTH != int.from_bytes(body[1:5], "big"):
            raise InvalidArgument(
                f"The call must carry exactly one whole message; {len(body)} bytes with prefix "
                f"{body[:PREFIX_LENGTH].hex() or 'missing'} are not one"
            )
        message = body[PREFIX_LENGTH:]
        return self._inflated(message) if body[0] else message

    def _inflated(self, message: bytes) -> bytes:
        if self._encoding not in _INFLATE:
            raise Unimplemented(
                f"Message compression {self._encoding.decode(errors='replace')} is not supported: "
                "use identity, gzip or deflate"
            )
        inflater = zlib.decompressobj(_INFLATE[self._encoding])
        try:
            inflated = inflater.decompress(message, self._most_bytes)
        except zlib.error as error:
            raise InvalidArgument(f"The compressed message cannot be read: {error}") from error
        if inflater.unconsumed_tail:
            raise ResourceExhausted(f"The message inflates to more than {self._most_bytes} bytes")
        return inflated

    def _expire_after(self, timeout: bytes) -> None:
        text = timeout.decode(errors="replace")
        if not text[:-1].isdigit() or text[-1:] not in _TIMEOUT_UNITS:
            return
        seconds = int(text[:-1]) * _TIMEOUT_UNITS[text[-1]]
        self.deadline = time.monotonic() + seconds
        self._timer = self._loop.call_later(seconds, self._expire)

    def _expire(self) -> None:
        self.fail(DeadlineExceeded("Timed out waiting for notification"))
        if self.on_gone is not None:
            self.on_gone()


class Conversation(Call):
    """A call with any number of requests: ``begin`` gets each as soon as it is whole."""

    __slots__ = ()

    def data(self, payload: bytes) -> None:
        """More of the requests."""
        super().data(payload)
        received = b"".join(self._parts)
        while not self._ended and (size := _first_size(received)) is not None:
            self._parts, self._size = [received[:size]], size
            super().end()
            received = received[size:]
        self._parts, self._size = [received], len(received)

    def end(self) -> None:
        """No more requests will come: neither will answers."""
        self.close()


def refuse(stream: Stream, error: ServingError) -> None:
    """Answer a call with the status and message of ``error`` before its request is read."""
    stream.finish(_trailers(status_number(error), status_message(error), with_head=True))


def _first_size(received: bytes) -> int | None:
    """Bytes of the first message with its prefix, when they are all there."""
    if len(received) < PREFIX_LENGTH:
        return None
    size = PREFIX_LENGTH + int.from_bytes(received[1:PREFIX_LENGTH], "big")
    return size if len(received) >= size else None


def _framed(message: bytes) -> bytes:
    return b"\x00" + len(message).to_bytes(4, "big") + message


def _trailers(status: int, message: str, *, with_head: bool) -> bytes:
    fields = list(_HEAD_FIELDS) if with_head else []
    fields.append((b"grpc-status", str(status).encode()))
    if message:
        fields.append((b"grpc-message", quote(message, safe=" !\"#$&'()*+,-./:;<=>?@[\\]^_`{|}~").encode()))
    return write_headers(fields, with_status=with_head)
