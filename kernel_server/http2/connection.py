"""One HTTP/2 connection of a client: frames in, streams out, flow control both ways."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, MutableSet
from typing import cast

from kernel_server.http2.frames import (
    ACK,
    DEFAULT_MAX_FRAME,
    DEFAULT_WINDOW,
    END_HEADERS,
    END_STREAM,
    HEAD_LENGTH,
    LARGEST_WINDOW,
    PADDED,
    PREFACE,
    PRIORITY_FLAG,
    ConnectionFault,
    ErrorCode,
    Frame,
    Setting,
    frame,
    go_away,
    read_long,
    read_settings,
    reset,
    settings,
    window_update,
    without_padding,
)
from kernel_server.http2.headers import LARGEST_HEADER_LIST, HeaderReader, Headers
from kernel_server.http2.stream import Exchange, Stream

RECEIVE_WINDOW = 1 << 30
"""Bytes that a client may send ahead; topped up long before they are used."""

_TOP_UP = 1 << 24
_MOST_STREAMS = 10_000
_HELLO = settings(
    {
        Setting.MAX_CONCURRENT_STREAMS: _MOST_STREAMS,
        Setting.INITIAL_WINDOW_SIZE: RECEIVE_WINDOW,
        Setting.MAX_HEADER_LIST_SIZE: LARGEST_HEADER_LIST,
    }
) + window_update(0, RECEIVE_WINDOW - DEFAULT_WINDOW)
_NOT_HTTP2 = (
    b"HTTP/1.1 400 Bad Request\r\nContent-Type: text/plain\r\nConnection: close\r\n\r\n"
    b"This port speaks gRPC (HTTP/2). REST has a port of its own: --rest_api_port.\n"
)


Accept = Callable[[Stream, Headers], Exchange]
"""Makes the exchange of a new request."""


class Connection(asyncio.Protocol):
    """Reads a client's frames and hands each request to ``accept``."""

    def __init__(self, accept: Accept, register: MutableSet[Connection]) -> None:
        self._accept = accept
        self._register = register
        self._transport: asyncio.Transport | None = None
        self.closed: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._buffer = b""
        self._greeted = False
        self._reader = HeaderReader()
        self._streams: dict[int, Stream] = {}
        self._last_stream = 0
        self._received = 0
        self._initial_window = DEFAULT_WINDOW
        self._header_block: tuple[int, int, bytes] | None = None
        self._leaving = False
        self.window = DEFAULT_WINDOW
        self.max_frame = DEFAULT_MAX_FRAME

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Greet the client."""
        self._transport = cast(asyncio.Transport, transport)
        self._register.add(self)
        self.send(_HELLO)

    def connection_lost(self, exc: Exception | None) -> None:
        """Nobody is left to answer."""
        self._register.discard(self)
        self._transport = None
        self.closed.set_result(None)
        streams, self._streams = list(self._streams.values()), {}
        for stream in streams:
            if stream.exchange is not None:
                stream.exchange.gone()

    def send(self, data: bytes) -> None:
        """Put frames on their way; without a connection they are dropped."""
        if self._transport is not None:
            self._transport.write(data)

    def forget(self, stream: Stream) -> None:
        """The stream has ended; the connection too, when it only waited for that."""
        self._streams.pop(stream.number, None)
        if self._leaving and not self._streams:
            self._close()

    def leave(self) -> None:
        """Take no new streams; close when the present ones have ended."""
        if not self._leaving:
            self._leaving = True
            self.send(go_away(self._last_stream, ErrorCode.NO_ERROR))
        if not self._streams:
            self._close()

    def abort(self) -> None:
        """Close at once."""
        self._close()

    def data_received(self, data: bytes) -> None:
        """Take in whatever has arrived; a client that breaks the protocol is told why and left."""
        data = self._buffer + data if self._buffer else data
        try:
            begin = 0 if self._greeted else self._read_preface(data)
            if self._greeted:
                begin = self._read_frames(data, begin)
            self._buffer = data[begin:] if begin < len(data) else b""
        except ConnectionFault as fault:
            self.send(go_away(self._last_stream, fault.code, str(fault)))
            self._close()

    def _read_preface(self, data: bytes) -> int:
        if data.startswith(PREFACE):
            self._greeted = True
            return len(PREFACE)
        if not PREFACE.startswith(data):
            self.send(_NOT_HTTP2)
            raise ConnectionFault(ErrorCode.PROTOCOL_ERROR, "this port speaks HTTP/2")
        return 0

    def _read_frames(self, data: bytes, begin: int) -> int:
        size = len(data)
        while size - begin >= HEAD_LENGTH:
            length = int.from_bytes(data[begin : begin + 3], "big")
            if length > DEFAULT_MAX_FRAME:
                raise ConnectionFault(ErrorCode.FRAME_SIZE_ERROR, f"a frame of {length} bytes")
            end = begin + HEAD_LENGTH + length
            if end > size:
                break
            stream = int.from_bytes(data[begin + 5 : begin + HEAD_LENGTH], "big") & LARGEST_WINDOW
            self._read_frame(data[begin + 3], data[begin + 4], stream, data[begin + HEAD_LENGTH : end])
            begin = end
        return begin

    def _read_frame(self, kind: int, flags: int, number: int, payload: bytes) -> None:
        if self._header_block is not None and kind != Frame.CONTINUATION:
            raise ConnectionFault(ErrorCode.PROTOCOL_ERROR, "headers were interrupted")
        if kind == Frame.DATA:
            self._on_data(flags, number, payload)
        elif kind == Frame.HEADERS:
            self._on_headers(flags, number, payload)
        elif kind == Frame.WINDOW_UPDATE:
            self._on_window_update(number, read_long(payload))
        elif kind == Frame.SETTINGS:
            self._on_settings(flags, payload)
        elif kind == Frame.PING:
            self._on_ping(flags, payload)
        elif kind == Frame.RST_STREAM:
            self._on_reset(number)
        elif kind == Frame.CONTINUATION:
            self._on_continuation(flags, number, payload)
        elif kind == Frame.PUSH_PROMISE:
            raise ConnectionFault(ErrorCode.PROTOCOL_ERROR, "a client cannot push")

    def _on_data(self, flags: int, number: int, payload: bytes) -> None:
        self._received += len(payload)
        if self._received > _TOP_UP:
            self.send(window_update(0, self._received))
            self._received = 0
        stream = self._streams.get(number)
        if stream is None or stream.exchange is None:
            if number > self._last_stream or not number:
                raise ConnectionFault(ErrorCode.PROTOCOL_ERROR, f"data on stream {number}, which is not open")
            return
        self._top_up(stream, len(payload))
        if flags & PADDED:
            payload = without_padding(payload, PADDED)
        if payload:
            stream.exchange.data(payload)
        if flags & END_STREAM:
            stream.exchange.end()

    def _top_up(self, stream: Stream, size: int) -> None:
        stream.received += size
        if stream.received > _TOP_UP:
            self.send(window_update(stream.number, stream.received))
            stream.received = 0

    def _on_headers(self, flags: int, number: int, payload: bytes) -> None:
        if flags & (PADDED | PRIORITY_FLAG):
            payload = without_padding(payload, flags)
        if flags & END_HEADERS:
            self._open(flags, number, payload)
        else:
            self._header_block = (flags, number, payload)

    def _on_continuation(self, flags: int, number: int, payload: bytes) -> None:
        if self._header_block is None or self._header_block[1] != number:
            raise ConnectionFault(ErrorCode.PROTOCOL_ERROR, "a continuation of nothing")
        first_flags, _, block = self._header_block
        block += payload
        if len(block) > LARGEST_HEADER_LIST:
            raise ConnectionFault(ErrorCode.ENHANCE_YOUR_CALM, f"headers above {LARGEST_HEADER_LIST} bytes")
        self._header_block = (first_flags, number, block)
        if flags & END_HEADERS:
            self._header_block = None
            self._open(first_flags, number, block)

    def _open(self, flags: int, number: int, block: bytes) -> None:
        headers = self._reader.read(block)
        if number in self._streams:
            self._end_by_trailers(number)
            return
        if number <= self._last_stream or not number % 2:
            raise ConnectionFault(ErrorCode.PROTOCOL_ERROR, f"stream {number} cannot be opened")
        if self._leaving or len(self._streams) >= _MOST_STREAMS:
            self.send(reset(number, ErrorCode.REFUSED_STREAM))
            return
        self._last_stream = number
        stream = self._streams[number] = Stream(self, number, self._initial_window)
        stream.exchange = self._accept(stream, headers)
        if flags & END_STREAM:
            stream.exchange.end()

    def _end_by_trailers(self, number: int) -> None:
        exchange = self._streams[number].exchange
        if exchange is not None:
            exchange.end()

    def _on_reset(self, number: int) -> None:
        stream = self._streams.get(number)
        if stream is not None:
            self.forget(stream)
            if stream.exchange is not None:
                stream.exchange.gone()

    def _on_window_update(self, number: int, increment: int) -> None:
        if number:
            stream = self._streams.get(number)
            if stream is not None:
                stream.window += increment
                stream.flush()
            return
        self.window += increment
        if self.window > LARGEST_WINDOW:
            raise ConnectionFault(ErrorCode.FLOW_CONTROL_ERROR, "the connection's window is too large")
        for stream in list(self._streams.values()):
            stream.flush()

    def _on_settings(self, flags: int, payload: bytes) -> None:
        if flags & ACK:
            return
        for key, value in read_settings(payload):
            if key == Setting.INITIAL_WINDOW_SIZE:
                self._resize_windows(value)
            elif key == Setting.MAX_FRAME_SIZE:
                self.max_frame = value
        self.send(frame(Frame.SETTINGS, ACK, 0))

    def _resize_windows(self, size: int) -> None:
        change, self._initial_window = size - self._initial_window, size
        for stream in list(self._streams.values()):
            stream.window += change
            stream.flush()

    def _on_ping(self, flags: int, payload: bytes) -> None:
        if not flags & ACK:
            self.send(frame(Frame.PING, ACK, 0, payload))

    def _close(self) -> None:
        if self._transport is not None:
            self._transport.close()
