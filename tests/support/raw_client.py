"""Clients that say to a server what no well-behaved one would, with the frames of ``hyperframe``."""

from __future__ import annotations

import socket
from collections.abc import Iterator, Sequence
from typing import TypeVar

from hpack import Encoder
from hyperframe.frame import DataFrame, Frame, GoAwayFrame, HeadersFrame, RstStreamFrame, SettingsFrame
from support.loop_server import ECHO, PATIENCE

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"

F = TypeVar("F", bound=Frame)


def request_headers(path: str = ECHO, **fields: str) -> list[tuple[str, str]]:
    """The headers of a call; fields are added or replaced, with ``_`` for ``-``."""
    headers = {
        ":method": "POST",
        ":scheme": "http",
        ":path": path,
        ":authority": "localhost",
        "te": "trailers",
        "content-type": "application/grpc",
    }
    return list((headers | {name.replace("_", "-"): value for name, value in fields.items()}).items())


def prefixed(message: bytes, compressed: int = 0) -> bytes:
    """A gRPC message on the wire."""
    return bytes((compressed,)) + len(message).to_bytes(4, "big") + message


class RawClient:
    """One connection; greets as it should unless told not to."""

    def __init__(self, address: tuple[str, int], *, greet: bool = True) -> None:
        self.socket = socket.create_connection(address, PATIENCE)
        self.encoder = Encoder()
        self._unread = b""
        if greet:
            self.send(PREFACE, SettingsFrame(0))

    def __enter__(self) -> RawClient:
        return self

    def __exit__(self, *exc_info: object) -> None:
        self.socket.close()

    def send(self, *parts: Frame | bytes) -> None:
        """Send frames, or any bytes."""
        self.socket.sendall(b"".join(part if isinstance(part, bytes) else part.serialize() for part in parts))

    def headers(
        self, stream: int, *flags: str, fields: Sequence[tuple[str, str]] | None = None
    ) -> HeadersFrame:
        """The headers of a call, whole unless ``flags`` are given."""
        block = self.encoder.encode(request_headers() if fields is None else fields)
        return HeadersFrame(stream, block, flags=list(flags or ["END_HEADERS"]))

    def data(self, stream: int, message: bytes = b"hello") -> DataFrame:
        """A whole message that ends its request."""
        return DataFrame(stream, prefixed(message), flags=["END_STREAM"])

    def frames(self) -> Iterator[Frame]:
        """What the server sends, until it closes the connection."""
        while True:
            while len(self._unread) >= 9:
                frame, size = Frame.parse_frame_header(memoryview(self._unread[:9]))
                if len(self._unread) < 9 + size:
                    break
                frame.parse_body(memoryview(self._unread[9 : 9 + size]))
                self._unread = self._unread[9 + size :]
                yield frame
            received = self._receive()
            if not received:
                return
            self._unread += received

    def next(self, kind: type[F], stream: int | None = None) -> F:
        """The next frame of a kind, on a stream or on any; what comes before is skipped."""
        for frame in self.frames():
            if isinstance(frame, kind) and stream in (None, frame.stream_id):
                return frame
        raise AssertionError(f"the connection closed before any {kind.__name__}")

    def reset_code(self, stream: int) -> int:
        """With what code the server resets a stream."""
        return int(self.next(RstStreamFrame, stream).error_code)

    def farewell(self) -> tuple[int, str]:
        """With what code and words the server ends the connection, which it must then close."""
        last = [frame for frame in self.frames() if isinstance(frame, GoAwayFrame)][-1]
        return last.error_code, bytes(last.additional_data).decode()

    def read(self, size: int) -> bytes:
        """So many bytes."""
        while len(self._unread) < size:
            received = self._receive()
            assert received, f"the connection closed after {len(self._unread)} bytes"
            self._unread += received
        read, self._unread = self._unread[:size], self._unread[size:]
        return read

    def everything(self) -> bytes:
        """All bytes until the server closes the connection."""
        return b"".join(iter(self._receive, b""))

    def _receive(self) -> bytes:
        try:
            return self.socket.recv(1 << 20)
        except ConnectionResetError:
            return b""
