"""What a client sends on one connection: frames become requests, each handed to its exchange."""

from __future__ import annotations

from collections.abc import Callable

from kernel_server.http2.frames import (
    ACK,
    CONTINUATION,
    DATA,
    DEFAULT_MAX_FRAME,
    END_HEADERS,
    END_STREAM,
    HEAD,
    HEADERS,
    LARGEST_STREAM,
    PADDED,
    PING,
    PRIORITY_FLAG,
    PUSH_PROMISE,
    RST_STREAM,
    SETTINGS,
    WINDOW_UPDATE,
    ConnectionFault,
    ErrorCode,
    check_frame,
    frame,
    read_increment,
    read_settings,
    reset,
    window_update,
    without_padding,
)
from kernel_server.http2.headers import HeaderBlock, HeaderReader, Headers
from kernel_server.http2.outgoing import MOST_UNSENT, Outgoing
from kernel_server.http2.stream import IGNORED, Exchange, Stream

RECEIVE_WINDOW = 1 << 30
"""Bytes that a client may send ahead; topped up long before they are used."""

MOST_UNREAD = (1 << 31) + (1 << 28)
"""Bytes of incomplete requests on one connection: one message of the largest size and some more."""

MOST_STREAMS = 10_000

_TOP_UP = 1 << 24
_HEAD_LENGTH = HEAD.size

Accept = Callable[[Stream, Headers], Exchange]
"""Makes the exchange of a new request."""


class Incoming:
    """Reads frames, which may raise :class:`ConnectionFault`; calls ``left`` when nothing more is to come."""

    def __init__(self, accept: Accept, out: Outgoing, left: Callable[[], None]) -> None:
        self.out = out
        self.last_stream = 0
        self._accept = accept
        self._left = left
        self._leaving = False
        self._headers = HeaderReader()
        self._header_block: HeaderBlock | None = None
        self._streams: dict[int, Stream] = {}
        self._received = 0
        self._unread = 0

    def leave(self) -> None:
        """Take no new streams; tell when the present ones have ended."""
        self._leaving = True
        if not self._streams:
            self._left()

    def drop_all(self) -> None:
        """Nobody waits for an answer any more."""
        streams, self._streams = self._streams, {}
        for stream in streams.values():
            stream.exchange.gone()

    def forget(self, stream: Stream) -> None:
        """The stream has ended."""
        self._streams.pop(stream.number, None)
        stream.exchange = IGNORED  # the two refer to each other: they would wait for the garbage collector
        if stream.unread:
            self._read_up(stream)
        if self._leaving and not self._streams:
            self._left()

    def read(self, data: bytes, begin: int) -> int:
        """Take in the frames in ``data`` from ``begin`` on; where the first incomplete one begins."""
        size = len(data)
        while size - begin >= _HEAD_LENGTH:
            high, low, kind, flags, number = HEAD.unpack_from(data, begin)
            body = begin + _HEAD_LENGTH
            if high or low > DEFAULT_MAX_FRAME:
                raise ConnectionFault(ErrorCode.FRAME_SIZE_ERROR, f"a frame of {(high << 16) + low} bytes")
            if low > size - body:
                break
            begin = body + low
            if self._header_block is not None and kind != CONTINUATION:
                raise ConnectionFault(ErrorCode.PROTOCOL_ERROR, "headers were interrupted")
            number &= LARGEST_STREAM
            if kind == DATA:
                self._on_data(flags, number, data[body:begin])
            elif kind == HEADERS:
                self._on_headers(flags, number, data[body:begin])
            elif kind == WINDOW_UPDATE:
                self._on_window_update(number, read_increment(data[body:begin]))
            else:
                self._on_rare_frame(kind, flags, number, data[body:begin])
        return begin

    def _on_rare_frame(self, kind: int, flags: int, number: int, payload: bytes) -> None:
        check_frame(kind, number, payload)
        if kind == SETTINGS:
            self._on_settings(flags, payload)
        elif kind == PING and not flags & ACK:
            self.out.send(frame(PING, ACK, 0, payload))
        elif kind == RST_STREAM:
            self._on_reset(number)
        elif kind == CONTINUATION:
            self._on_continuation(flags, number, payload)
        elif kind == PUSH_PROMISE:
            raise ConnectionFault(ErrorCode.PROTOCOL_ERROR, "a client cannot push")

    def _on_data(self, flags: int, number: int, payload: bytes) -> None:
        size = len(payload)
        self._received += size
        if self._received > _TOP_UP:
            self.out.send(window_update(0, self._received))
            self._received = 0
        stream = self._streams.get(number)
        if stream is None:
            self._check_known(number)
        elif stream.complete:
            stream.reset(ErrorCode.STREAM_CLOSED)
        elif flags & END_STREAM or self._keep(stream, size):
            if flags & PADDED:
                payload = without_padding(payload, PADDED)
            if payload:
                stream.exchange.data(payload)
            if flags & END_STREAM:
                self._complete(stream)

    def _keep(self, stream: Stream, size: int) -> bool:
        """Whether there is room for ``size`` bytes of an incomplete request; else it has been reset."""
        self._unread += size
        stream.unread += size
        if self._unread > MOST_UNREAD:
            stream.reset(ErrorCode.ENHANCE_YOUR_CALM)
            return False
        stream.received += size
        if stream.received > _TOP_UP:
            self.out.send(window_update(stream.number, stream.received))
            stream.received = 0
        return True

    def _complete(self, stream: Stream) -> None:
        stream.complete = True
        if stream.unread:
            self._read_up(stream)
        stream.exchange.end()

    def _read_up(self, stream: Stream) -> None:
        self._unread -= stream.unread
        stream.unread = 0

    def _check_known(self, number: int) -> None:
        """A frame may come late for a stream that has ended, but not for one that has never begun."""
        if number > self.last_stream or not number % 2:
            raise ConnectionFault(ErrorCode.PROTOCOL_ERROR, f"stream {number} is not open")

    def _on_headers(self, flags: int, number: int, payload: bytes) -> None:
        if flags & (PADDED | PRIORITY_FLAG):
            payload = without_padding(payload, flags)
        if flags & END_HEADERS:
            self._open(flags, number, payload)
        else:
            self._header_block = HeaderBlock(flags, number, payload)

    def _on_continuation(self, flags: int, number: int, payload: bytes) -> None:
        block = self._header_block
        if block is None or block.stream != number:
            raise ConnectionFault(ErrorCode.PROTOCOL_ERROR, "a continuation of nothing")
        block.add(payload)
        if flags & END_HEADERS:
            self._header_block = None
            self._open(block.flags, number, block.whole)

    def _open(self, flags: int, number: int, block: bytes) -> None:
        headers = self._headers.read(block)
        if number <= self.last_stream:
            self._on_trailers(flags, number)
            return
        if not number % 2:
            raise ConnectionFault(ErrorCode.PROTOCOL_ERROR, f"stream {number} is not a client's")
        self.last_stream = number
        if self._leaving or len(self._streams) >= MOST_STREAMS or self.out.unsent > MOST_UNSENT:
            self.out.send(reset(number, ErrorCode.REFUSED_STREAM))
            return
        stream = self._streams[number] = Stream(self, number)
        stream.complete = bool(flags & END_STREAM)
        stream.exchange = self._accept(stream, headers)
        if stream.complete:
            stream.exchange.end()

    def _on_trailers(self, flags: int, number: int) -> None:
        """Headers on a stream that has begun: the end of its request, which may come late."""
        self._check_known(number)
        stream = self._streams.get(number)
        if stream is not None and stream.complete:
            stream.reset(ErrorCode.STREAM_CLOSED)
        elif not flags & END_STREAM:
            raise ConnectionFault(ErrorCode.PROTOCOL_ERROR, f"headers within stream {number}")
        elif stream is not None:
            self._complete(stream)

    def _on_reset(self, number: int) -> None:
        stream = self._streams.get(number)
        if stream is None:
            self._check_known(number)
        else:
            stream.drop()

    def _on_window_update(self, number: int, increment: int) -> None:
        if not number:
            self.out.widen(increment)
            return
        stream = self._streams.get(number)
        if stream is None:
            self._check_known(number)
        else:
            stream.widen(increment)

    def _on_settings(self, flags: int, payload: bytes) -> None:
        if not flags & ACK:
            self.out.adjust(read_settings(payload))
            self.out.send(frame(SETTINGS, ACK, 0))
        elif payload:
            raise ConnectionFault(ErrorCode.FRAME_SIZE_ERROR, "an acknowledgement that says something")
