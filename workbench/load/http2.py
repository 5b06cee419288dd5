"""One HTTP/2 connection that carries unary gRPC calls, without any I/O.

Bytes from the socket go into :meth:`GrpcConnection.receive`, bytes for it come out of
:meth:`GrpcConnection.take_outgoing`. Sources: RFC 9113 (HTTP/2), RFC 7541 (HPACK, left to the
``hpack`` package), gRPC's ``PROTOCOL-HTTP2.md``.

Why not ``grpc.aio``: it hands every call through several threads. On two cores a call of 3 kB cost
350 µs of CPU time there and 50 µs here, and a load generator shares the machine with the server.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import NamedTuple
from urllib.parse import unquote

from hpack import Decoder, Encoder, HPACKError

OK, UNKNOWN, DEADLINE_EXCEEDED, INTERNAL, UNAVAILABLE = 0, 2, 4, 13, 14

_PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
_DATA, _HEADERS, _RST_STREAM, _SETTINGS, _PING, _GOAWAY = 0, 1, 3, 4, 6, 7
_WINDOW_UPDATE, _CONTINUATION = 8, 9
_END_STREAM, _ACK, _END_HEADERS, _PADDED, _PRIORITY = 0x1, 0x1, 0x4, 0x8, 0x20
_HEADER_TABLE_SIZE, _ENABLE_PUSH, _MAX_STREAMS, _INITIAL_WINDOW, _MAX_FRAME = 1, 2, 3, 4, 5
_DEFAULT_WINDOW, _LARGEST_WINDOW = 65_535, 2**31 - 1
_FRAME_HEAD = 9
_REFUSED_STREAM, _CANCEL = 7, 8


_NOTHING = memoryview(b"")


class Reply(NamedTuple):
    """The end of one call: gRPC status number, its message, and the reply's bytes (empty on error)."""

    stream: int
    status: int
    message: str
    body: bytes


@dataclass(slots=True)
class _Stream:
    window: int
    unsent: memoryview = _NOTHING
    body: list[bytes] = field(default_factory=list)
    headers: bytes = b""
    ended: bool = False


class ProtocolError(Exception):
    """The peer does not speak HTTP/2 as the standard has it; the connection is of no more use."""


class GrpcConnection:
    """The client's half of one connection; every call goes to the same method with the same headers."""

    def __init__(self, authority: str, path: str, deadline: float, metadata: Sequence[tuple[str, str]] = ()):
        self._header_list = [
            (":method", "POST"),
            (":scheme", "http"),
            (":path", path),
            (":authority", authority),
            ("te", "trailers"),
            ("content-type", "application/grpc"),
            ("grpc-timeout", f"{max(1, round(deadline * 1000))}m"),
            *metadata,
        ]
        self._encoder = Encoder()
        self._header_block, self._repeated_block = self._encoded_headers()
        self._streams: dict[int, _Stream] = {}
        self._next_stream = 1
        self._blocked: deque[int] = deque()
        self._window = _DEFAULT_WINDOW
        self._initial_window = _DEFAULT_WINDOW
        self._max_frame = 16_384
        self._max_streams = _LARGEST_WINDOW
        self._consumed = 0
        self._buffer = b""
        self._replies: list[Reply] = []
        self._handlers: dict[int, Callable[[int, int, bytes], None]] = {
            _DATA: self._on_data,
            _HEADERS: self._on_headers,
            _RST_STREAM: self._on_reset,
            _SETTINGS: self._on_settings,
            _PING: self._on_ping,
            _GOAWAY: self._on_goaway,
            _WINDOW_UPDATE: self._on_window_update,
            _CONTINUATION: self._on_continuation,
        }
        self.ready = False
        """The peer's settings have arrived: calls may be made."""
        self.closing = False
        """The peer accepts no further calls."""
        self._outgoing: list[bytes | memoryview] = [_PREFACE, _our_settings()]

    @property
    def has_room(self) -> bool:
        """Whether one more call may be open at the same time."""
        return self.ready and not self.closing and len(self._streams) < self._max_streams

    def call(self, message: bytes) -> int:
        """Begin a call; the stream number returned comes back in its :class:`Reply`."""
        stream = self._next_stream
        self._next_stream += 2
        if self._next_stream > _LARGEST_WINDOW:
            self.closing = True
        self._outgoing.append(_frame(_HEADERS, _END_HEADERS, stream, self._header_block))
        self._header_block = self._repeated_block
        size = len(message)
        payload = b"\0" + size.to_bytes(4, "big") + message
        if not self._blocked and len(payload) <= min(self._window, self._initial_window, self._max_frame):
            self._window -= len(payload)
            self._streams[stream] = _Stream(self._initial_window - len(payload))
            self._outgoing.append(_frame(_DATA, _END_STREAM, stream, payload))
        else:
            self._streams[stream] = _Stream(self._initial_window, unsent=memoryview(payload))
            self._blocked.append(stream)
            self._send_blocked()
        return stream

    def cancel(self, stream: int) -> None:
        """Give a call up; no reply to it will be reported."""
        if self._streams.pop(stream, None):
            self._outgoing.append(_frame(_RST_STREAM, 0, stream, _CANCEL.to_bytes(4, "big")))

    def receive(self, data: bytes) -> list[Reply]:
        """Take in what the socket gave and return the calls that it ended.

        Raises :class:`ProtocolError` when the bytes are not HTTP/2.
        """
        if self._buffer:
            data = self._buffer + data
        position, end = 0, len(data)
        while end - position >= _FRAME_HEAD:
            payload = position + _FRAME_HEAD
            following = payload + int.from_bytes(data[position : position + 3], "big")
            if not self.ready and data[position + 3] != _SETTINGS:
                raise ProtocolError("the first bytes are no HTTP/2 settings: is this a gRPC port?")
            if following > end:
                break
            handler = self._handlers.get(data[position + 3])
            if handler is not None:
                stream = int.from_bytes(data[position + 5 : payload], "big") & _LARGEST_WINDOW
                handler(data[position + 4], stream, data[payload:following])
            position = following
        self._buffer = data[position:]
        replies, self._replies = self._replies, []
        return replies

    def take_outgoing(self) -> bytes:
        """The bytes to be written next; empty when there are none."""
        outgoing, self._outgoing = self._outgoing, []
        return b"".join(outgoing)

    def _encoded_headers(self) -> tuple[bytes, bytes]:
        """The constant headers: in full for the first call, then as references to the peer's table."""
        return self._encoder.encode(self._header_list), self._encoder.encode(self._header_list)

    def _send_blocked(self) -> None:
        """Send what the flow-control windows now permit, oldest call first."""
        for _ in range(len(self._blocked)):
            number = self._blocked.popleft()
            stream = self._streams.get(number)
            if stream is not None:
                while stream.unsent and min(self._window, stream.window) > 0:
                    self._send_part(number, stream)
                if stream.unsent:
                    self._blocked.append(number)

    def _send_part(self, number: int, stream: _Stream) -> None:
        size = min(len(stream.unsent), self._window, stream.window, self._max_frame)
        flags = _END_STREAM if size == len(stream.unsent) else 0
        self._outgoing += (_frame_head(_DATA, flags, number, size), stream.unsent[:size])
        stream.unsent = stream.unsent[size:]
        self._window -= size
        stream.window -= size

    def _on_data(self, flags: int, number: int, payload: bytes) -> None:
        self._consumed += len(payload)
        if self._consumed > _LARGEST_WINDOW // 2:
            self._outgoing.append(_frame(_WINDOW_UPDATE, 0, 0, self._consumed.to_bytes(4, "big")))
            self._consumed = 0
        stream = self._streams.get(number)
        if stream is None:
            return
        stream.body.append(_unpadded(flags, payload))
        if flags & _END_STREAM:
            self._finish(number, UNKNOWN, "the reply ended without a gRPC status")

    def _on_headers(self, flags: int, number: int, payload: bytes) -> None:
        if number in self._streams:
            self._streams[number].ended = bool(flags & _END_STREAM)
        payload = _unpadded(flags, payload)
        self._on_continuation(flags, number, payload[5:] if flags & _PRIORITY else payload)

    def _on_continuation(self, flags: int, number: int, payload: bytes) -> None:
        stream = self._streams.get(number)
        if stream is None:
            return
        stream.headers += payload
        if flags & _END_HEADERS:
            block, stream.headers = stream.headers, b""
            if stream.ended:
                self._finish(number, *_status(block))

    def _on_reset(self, flags: int, number: int, payload: bytes) -> None:
        code = int.from_bytes(payload, "big")
        status = UNAVAILABLE if code == _REFUSED_STREAM else INTERNAL
        self._finish(number, status, f"the server reset the stream (HTTP/2 error {code})")

    def _on_settings(self, flags: int, number: int, payload: bytes) -> None:
        if flags & _ACK:
            return
        for position in range(0, len(payload), 6):
            name = int.from_bytes(payload[position : position + 2], "big")
            self._apply_setting(name, int.from_bytes(payload[position + 2 : position + 6], "big"))
        self._outgoing.append(_frame(_SETTINGS, _ACK, 0, b""))
        self.ready = True
        self._send_blocked()

    def _apply_setting(self, name: int, value: int) -> None:
        if name == _HEADER_TABLE_SIZE and value < self._encoder.header_table_size:
            self._encoder.header_table_size = value
            self._header_block, self._repeated_block = self._encoded_headers()
        elif name == _MAX_STREAMS:
            self._max_streams = value
        elif name == _INITIAL_WINDOW:
            for stream in self._streams.values():
                stream.window += value - self._initial_window
            self._initial_window = value
        elif name == _MAX_FRAME:
            self._max_frame = value

    def _on_ping(self, flags: int, number: int, payload: bytes) -> None:
        if not flags & _ACK:
            self._outgoing.append(_frame(_PING, _ACK, 0, payload))

    def _on_goaway(self, flags: int, number: int, payload: bytes) -> None:
        self.closing = True
        last = int.from_bytes(payload[:4], "big")
        for stream in [stream for stream in self._streams if stream > last]:
            self._finish(stream, UNAVAILABLE, "the server is going away")

    def _on_window_update(self, flags: int, number: int, payload: bytes) -> None:
        increment = int.from_bytes(payload, "big")
        if number == 0:
            self._window += increment
        elif number in self._streams:
            self._streams[number].window += increment
        self._send_blocked()

    def _finish(self, number: int, status: int, message: str) -> None:
        stream = self._streams.pop(number, None)
        if stream is None:
            return
        body = b"".join(stream.body)
        if status == OK and body[:1] != b"\0":
            status, message = INTERNAL, "the reply is empty or compressed"
        self._replies.append(Reply(number, status, message, body[5:] if status == OK else b""))


def _frame_head(kind: int, flags: int, stream: int, size: int) -> bytes:
    return size.to_bytes(3, "big") + bytes((kind, flags)) + stream.to_bytes(4, "big")


def _frame(kind: int, flags: int, stream: int, payload: bytes) -> bytes:
    return _frame_head(kind, flags, stream, len(payload)) + payload


def _our_settings() -> bytes:
    """No header table, so that each block can be decoded, and remembered, by itself; and wide windows."""
    values = {_HEADER_TABLE_SIZE: 0, _ENABLE_PUSH: 0, _INITIAL_WINDOW: _LARGEST_WINDOW, _MAX_FRAME: 2**18}
    settings = b"".join(name.to_bytes(2, "big") + value.to_bytes(4, "big") for name, value in values.items())
    widened = (_LARGEST_WINDOW - _DEFAULT_WINDOW).to_bytes(4, "big")
    return _frame(_SETTINGS, 0, 0, settings) + _frame(_WINDOW_UPDATE, 0, 0, widened)


def _unpadded(flags: int, payload: bytes) -> bytes:
    return payload[1 : len(payload) - payload[0]] if flags & _PADDED else payload


@lru_cache(maxsize=1024)
def _status(block: bytes) -> tuple[int, str]:
    """GRPC status and message of a block of trailers; an HTTP error without them is told as such."""
    decoder = Decoder()
    decoder.header_table_size = 0
    try:
        fields = {str(name): str(value) for name, value in decoder.decode(block)}
    except HPACKError as error:
        raise ProtocolError(f"headers cannot be decoded: {error}") from error
    if "grpc-status" not in fields:
        return UNKNOWN, f"the server answered HTTP {fields.get(':status', '?')} without a gRPC status"
    return int(fields["grpc-status"]), unquote(fields.get("grpc-message", ""))
