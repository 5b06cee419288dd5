"""A gRPC client on the ``h2`` package: an implementation of HTTP/2 that shares no code with ours."""

from __future__ import annotations

import socket
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from h2.config import H2Configuration
from h2.connection import H2Connection
from h2.events import (
    DataReceived,
    Event,
    ResponseReceived,
    StreamEnded,
    StreamReset,
    TrailersReceived,
)
from h2.settings import SettingCodes
from support.loop_server import ECHO, PATIENCE
from support.raw_client import prefixed, request_headers

_WINDOW = 2**31 - 1


@dataclass
class Answer:
    """What has arrived on one stream."""

    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""
    ended: bool = False
    reset: int | None = None

    @property
    def message(self) -> bytes:
        """The one message; fails when there are more or less."""
        assert self.body[:5] == prefixed(self.body[5:])[:5]
        return self.body[5:]

    @property
    def status(self) -> int:
        """The gRPC status."""
        return int(self.headers["grpc-status"])


class H2Client:
    """One connection; ``h2`` fails the test when the server breaks the protocol.

    With ``wide`` windows the server may send at once whatever it has.
    """

    def __init__(self, address: tuple[str, int], *, wide: bool = True) -> None:
        self.h2 = H2Connection(H2Configuration(header_encoding="utf-8", validate_outbound_headers=False))
        self.answers: defaultdict[int, Answer] = defaultdict(Answer)
        self.events: list[Event] = []
        self.acknowledge = wide
        """Whether to give back what the server has used of the windows."""
        self._socket = socket.create_connection(address, PATIENCE)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.h2.initiate_connection()
        if wide:
            self.h2.update_settings({SettingCodes.INITIAL_WINDOW_SIZE: _WINDOW})
            self.h2.increment_flow_control_window(_WINDOW - 65_535)
        self.until(lambda: self.h2.outbound_flow_control_window > 65_535)

    def __enter__(self) -> H2Client:
        return self

    def __exit__(self, *exc_info: object) -> None:
        self._socket.close()

    def flush(self) -> None:
        """Send what ``h2`` has to say."""
        self._socket.sendall(self.h2.data_to_send())

    def begin(self, path: str = ECHO, *, ended: bool = False, **fields: str) -> int:
        """The headers of a call; its stream."""
        stream = self.h2.get_next_available_stream_id()
        self.h2.send_headers(stream, request_headers(path, **fields), end_stream=ended)
        return stream

    def call(self, message: bytes = b"hello", path: str = ECHO, **fields: str) -> int:
        """A whole call, with its message in as many frames as it takes; its stream."""
        stream = self.begin(path, **fields)
        self.send(stream, prefixed(message))
        return stream

    def send(self, stream: int, body: bytes) -> None:
        """The end of a request, as the server's windows allow."""
        for begin in range(0, len(body), 16_384):
            part = body[begin : begin + 16_384]
            self.until(lambda: self.h2.local_flow_control_window(stream) >= 16_384)
            self.h2.send_data(stream, part, end_stream=begin + 16_384 >= len(body))
        self.flush()

    def answer(self, stream: int) -> Answer:
        """The whole answer to a call."""
        answer = self.answers[stream]
        self.until(lambda: answer.ended or answer.reset is not None)
        return answer

    def exchange(self, message: bytes = b"hello", path: str = ECHO, **fields: str) -> Answer:
        """A call and its answer."""
        return self.answer(self.call(message, path, **fields))

    def until(self, holds: Callable[[], bool]) -> None:
        """Take in what arrives until the condition holds."""
        self.flush()
        while not holds():
            received = self._socket.recv(1 << 20)
            assert received, f"the server closed the connection after {self.events[-3:]}"
            self.take(self.h2.receive_data(received))

    def seen(self, kind: type[Event]) -> Sequence[Event]:
        """The events of a kind so far."""
        return [event for event in self.events if isinstance(event, kind)]

    def take(self, events: Sequence[Event]) -> None:
        """Note what has happened, and open the windows again."""
        for event in events:
            self.events.append(event)
            answer = self.answers[getattr(event, "stream_id", 0) or 0]
            if isinstance(event, ResponseReceived | TrailersReceived):
                answer.headers |= dict(event.headers)
            elif isinstance(event, DataReceived):
                answer.body += event.data
                if self.acknowledge and event.flow_controlled_length:
                    self.h2.acknowledge_received_data(event.flow_controlled_length, event.stream_id)
            elif isinstance(event, StreamEnded):
                answer.ended = True
            elif isinstance(event, StreamReset):
                answer.reset = event.error_code
        self.flush()
