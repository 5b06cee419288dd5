"""The frames of HTTP/2 as bytes (RFC 9113, sections 4 and 6)."""

from __future__ import annotations

from enum import IntEnum
from struct import Struct

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
HEAD = Struct(">BHBBL")
"""A frame's head: its length in two parts, type, flags, stream."""

DEFAULT_WINDOW = 65_535
DEFAULT_MAX_FRAME = 16_384
LARGEST_MAX_FRAME = 2**24 - 1
LARGEST_WINDOW = LARGEST_STREAM = 2**31 - 1

DATA, HEADERS, PRIORITY, RST_STREAM, SETTINGS, PUSH_PROMISE, PING, GOAWAY, WINDOW_UPDATE, CONTINUATION = (
    range(10)
)

END_STREAM = ACK = 0x1
END_HEADERS = 0x4
PADDED = 0x8
PRIORITY_FLAG = 0x20

_SETTING = Struct(">HL")
_LONG = Struct(">L")
_TWO_LONGS = Struct(">LL")
_FIXED_SIZES = {PRIORITY: 5, RST_STREAM: 4, PING: 8, WINDOW_UPDATE: 4}
_OF_CONNECTION = (SETTINGS, PING, GOAWAY)
_OF_STREAM = (PRIORITY, RST_STREAM, CONTINUATION)


class Setting(IntEnum):
    """Parameters of a SETTINGS frame that matter to a server."""

    HEADER_TABLE_SIZE = 1
    ENABLE_PUSH = 2
    MAX_CONCURRENT_STREAMS = 3
    INITIAL_WINDOW_SIZE = 4
    MAX_FRAME_SIZE = 5
    MAX_HEADER_LIST_SIZE = 6


class ErrorCode(IntEnum):
    """Why a connection or a stream ends early."""

    NO_ERROR = 0
    PROTOCOL_ERROR = 1
    INTERNAL_ERROR = 2
    FLOW_CONTROL_ERROR = 3
    STREAM_CLOSED = 5
    FRAME_SIZE_ERROR = 6
    REFUSED_STREAM = 7
    CANCEL = 8
    COMPRESSION_ERROR = 9
    ENHANCE_YOUR_CALM = 11


class ConnectionFault(Exception):
    """The peer broke the protocol: the connection cannot go on."""

    def __init__(self, code: ErrorCode, reason: str) -> None:
        super().__init__(reason)
        self.code = code


def frame(kind: int, flags: int, stream: int, payload: bytes = b"") -> bytes:
    """One frame."""
    size = len(payload)
    return HEAD.pack(size >> 16, size & 0xFFFF, kind, flags, stream) + payload


def check_frame(kind: int, stream: int, payload: bytes) -> None:
    """Raise :class:`ConnectionFault` for a length or a stream that a frame of this type cannot have."""
    if len(payload) != _FIXED_SIZES.get(kind, len(payload)):
        raise ConnectionFault(ErrorCode.FRAME_SIZE_ERROR, f"a frame of type {kind} with {len(payload)} bytes")
    if (kind in _OF_CONNECTION and stream) or (kind in _OF_STREAM and not stream):
        raise ConnectionFault(ErrorCode.PROTOCOL_ERROR, f"a frame of type {kind} on stream {stream}")


def settings(values: dict[Setting, int]) -> bytes:
    """A SETTINGS frame."""
    payload = b"".join([_SETTING.pack(key, value) for key, value in values.items()])
    return frame(SETTINGS, 0, 0, payload)


_ALLOWED_VALUES = {
    Setting.ENABLE_PUSH: (0, 1, ErrorCode.PROTOCOL_ERROR),
    Setting.INITIAL_WINDOW_SIZE: (0, LARGEST_WINDOW, ErrorCode.FLOW_CONTROL_ERROR),
    Setting.MAX_FRAME_SIZE: (DEFAULT_MAX_FRAME, LARGEST_MAX_FRAME, ErrorCode.PROTOCOL_ERROR),
}


def read_settings(payload: bytes) -> dict[int, int]:
    """The parameters in a SETTINGS frame, the last value of each; raises :class:`ConnectionFault`."""
    if len(payload) % _SETTING.size:
        raise ConnectionFault(ErrorCode.FRAME_SIZE_ERROR, f"a SETTINGS frame of {len(payload)} bytes")
    values = dict(_SETTING.iter_unpack(payload))
    for key, (least, most, code) in _ALLOWED_VALUES.items():
        if not least <= values.get(key, least) <= most:
            raise ConnectionFault(code, f"{key.name} cannot be {values[key]}")
    return values


def window_update(stream: int, increment: int) -> bytes:
    """Let the peer send ``increment`` bytes more."""
    return frame(WINDOW_UPDATE, 0, stream, _LONG.pack(increment))


def reset(stream: int, code: ErrorCode) -> bytes:
    """End one stream early."""
    return frame(RST_STREAM, 0, stream, _LONG.pack(code))


def go_away(last_stream: int, code: ErrorCode, reason: str = "") -> bytes:
    """Accept no new streams on this connection."""
    return frame(GOAWAY, 0, 0, _TWO_LONGS.pack(last_stream, code) + reason.encode())


def read_increment(payload: bytes) -> int:
    """The bytes that a WINDOW_UPDATE frame adds; raises :class:`ConnectionFault`."""
    if len(payload) != _LONG.size:
        raise ConnectionFault(ErrorCode.FRAME_SIZE_ERROR, f"a WINDOW_UPDATE frame of {len(payload)} bytes")
    increment = int.from_bytes(payload, "big") & LARGEST_WINDOW
    if not increment:
        raise ConnectionFault(ErrorCode.PROTOCOL_ERROR, "a WINDOW_UPDATE frame that adds nothing")
    return increment


def without_padding(payload: bytes, flags: int) -> bytes:
    """The payload of a DATA or HEADERS frame without padding and priority."""
    begin, end = 0, len(payload)
    if flags & PADDED:
        if not payload:
            raise ConnectionFault(ErrorCode.FRAME_SIZE_ERROR, "a padded frame without its padding")
        begin, end = 1, end - payload[0]
    if flags & PRIORITY_FLAG:
        begin += 5
    if begin > end:
        raise ConnectionFault(ErrorCode.PROTOCOL_ERROR, "more padding than payload")
    return payload[begin:end]
