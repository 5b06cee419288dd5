"""The frames of HTTP/2 as bytes (RFC 9113, sections 4 and 6)."""

from __future__ import annotations

from enum import IntEnum
from struct import Struct

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
HEAD_LENGTH = 9
DEFAULT_WINDOW = 65_535
DEFAULT_MAX_FRAME = 16_384
LARGEST_WINDOW = 2**31 - 1

END_STREAM = ACK = 0x1
END_HEADERS = 0x4
PADDED = 0x8
PRIORITY_FLAG = 0x20

_HEAD = Struct(">BHBBL")
_SETTING = Struct(">HL")
_LONG = Struct(">L")
_TWO_LONGS = Struct(">LL")


class Frame(IntEnum):
    """Frame types."""

    DATA = 0
    HEADERS = 1
    PRIORITY = 2
    RST_STREAM = 3
    SETTINGS = 4
    PUSH_PROMISE = 5
    PING = 6
    GOAWAY = 7
    WINDOW_UPDATE = 8
    CONTINUATION = 9


class Setting(IntEnum):
    """Parameters of a SETTINGS frame that matter to a server."""

    HEADER_TABLE_SIZE = 1
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
    return _HEAD.pack(size >> 16, size & 0xFFFF, kind, flags, stream) + payload


def settings(values: dict[Setting, int]) -> bytes:
    """A SETTINGS frame."""
    payload = b"".join([_SETTING.pack(key, value) for key, value in values.items()])
    return frame(Frame.SETTINGS, 0, 0, payload)


def read_settings(payload: bytes) -> list[tuple[int, int]]:
    """The parameters in a SETTINGS frame, in their order."""
    if len(payload) % _SETTING.size:
        raise ConnectionFault(ErrorCode.FRAME_SIZE_ERROR, "a SETTINGS frame of uneven length")
    return list(_SETTING.iter_unpack(payload))


def window_update(stream: int, increment: int) -> bytes:
    """Let the peer send ``increment`` bytes more."""
    return frame(Frame.WINDOW_UPDATE, 0, stream, _LONG.pack(increment))


def reset(stream: int, code: ErrorCode) -> bytes:
    """End one stream early."""
    return frame(Frame.RST_STREAM, 0, stream, _LONG.pack(code))


def go_away(last_stream: int, code: ErrorCode, reason: str = "") -> bytes:
    """Accept no new streams on this connection."""
    return frame(Frame.GOAWAY, 0, 0, _TWO_LONGS.pack(last_stream, code) + reason.encode())


def read_long(payload: bytes) -> int:
    """The 31-bit number that is a frame's whole payload."""
    if len(payload) != _LONG.size:
        raise ConnectionFault(ErrorCode.FRAME_SIZE_ERROR, "a frame of the wrong length")
    return int.from_bytes(payload, "big") & LARGEST_WINDOW


def without_padding(payload: bytes, flags: int) -> bytes:
    """The payload of a DATA or HEADERS frame without padding and priority."""
    begin, end = 0, len(payload)
    if flags & PADDED:
        begin, end = 1, end - payload[0]
    if flags & PRIORITY_FLAG:
        begin += 5
    if begin > end:
        raise ConnectionFault(ErrorCode.PROTOCOL_ERROR, "more padding than payload")
    return payload[begin:end]
