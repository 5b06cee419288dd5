"""Clients that ask too much: each meets a limit, and the server grows no further and serves the others."""

from __future__ import annotations

import select
import socket
from collections.abc import Iterator

import psutil
import pytest
from hyperframe.frame import (
    ContinuationFrame,
    DataFrame,
    HeadersFrame,
    PingFrame,
    RstStreamFrame,
    SettingsFrame,
    WindowUpdateFrame,
)
from support.loop_server import ECHO, FLOOD, GIVE, HOLD, LENGTH, TALK, LoopServer, Small
from support.raw_client import RawClient, prefixed, request_headers
from support.servers import until

from kernel_server.http2.frames import ErrorCode
from kernel_server.http2.incoming import MOST_STREAMS

pytestmark = pytest.mark.usefixtures("neighbour")

CALM = ErrorCode.ENHANCE_YOUR_CALM
MEGABYTE = 1 << 20
GROWTH = 64 * MEGABYTE
"""What the process may grow by while a client tries to make it grow by far more."""


@pytest.fixture
def no_growth(raw: RawClient) -> Iterator[None]:
    process = psutil.Process()
    before = process.memory_info().rss
    yield
    assert process.memory_info().rss - before < GROWTH


def bytes_value(value: bytes) -> bytes:
    """A ``BytesValue`` of less than 2 MiB on the wire, with the prefix of a message."""
    size = len(value)
    return prefixed(b"\x0a" + bytes((size & 127 | 128, size >> 7 & 127 | 128, size >> 14)) + value)


class TestHeaders:
    def test_continued_without_end(self, raw: RawClient) -> None:
        raw.send(HeadersFrame(1, b""), *[ContinuationFrame(1, bytes(5000))] * 20)
        assert raw.farewell()[0] == CALM

    def test_continued_with_nothing(self, raw: RawClient) -> None:
        raw.send(HeadersFrame(1, b""), *[ContinuationFrame(1, b"")] * 1000)
        assert raw.farewell()[0] == CALM

    def test_few_bytes_that_become_many(self, raw: RawClient) -> None:
        """One entry of 4 kB in the table, referred to by one byte again and again."""
        block = raw.encoder.encode([*request_headers(), ("x", "y" * 3000)]) + b"\xbe" * 2000
        raw.send(HeadersFrame(1, block, flags=["END_HEADERS"]))
        assert raw.farewell()[0] == CALM

    def test_as_many_as_allowed(self, raw: RawClient) -> None:
        fields = [*request_headers(), *[(f"x-{number}", "v" * 400) for number in range(100)]]
        block = raw.encoder.encode(fields, huffman=False)
        parts = [block[begin : begin + 16_384] for begin in range(0, len(block), 16_384)]
        raw.send(HeadersFrame(1, parts[0]), *[ContinuationFrame(1, part) for part in parts[1:]])
        raw.send(ContinuationFrame(1, b"", flags=["END_HEADERS"]))
        raw.send(raw.data(1))
        assert raw.next(DataFrame).data == prefixed(b"hello")

    @pytest.mark.usefixtures("no_growth")
    def test_different_ones_every_time(self, raw: RawClient) -> None:
        """They are not remembered for ever."""
        for number in range(2000):
            stream = 2 * number + 1
            block = raw.encoder.encode([("x", str(number) * 1000, True)], huffman=False)
            raw.send(HeadersFrame(stream, block, flags=["END_HEADERS"]), RstStreamFrame(stream, error_code=8))
        raw.send(PingFrame(0, b"12345678"))
        raw.next(PingFrame)


class TestStreams:
    def test_beyond_the_limit_they_are_refused_alone(self, raw: RawClient, small: Small) -> None:
        first = 2 * MOST_STREAMS + 1
        fields = request_headers(HOLD)
        for begin in range(1, first, 1000):
            streams = range(begin, begin + 1000, 2)
            raw.send(*[raw.headers(stream, fields=fields) for stream in streams])
        raw.send(raw.headers(first), raw.data(first))
        assert raw.reset_code(first) == ErrorCode.REFUSED_STREAM
        raw.send(RstStreamFrame(1), raw.headers(first + 2), raw.data(first + 2))
        assert raw.next(DataFrame, first + 2).data == prefixed(b"hello")

    def test_rapid_reset(self, raw: RawClient, small: Small) -> None:
        """Calls that have begun when they are reset are given up, every one, and the others never begin."""
        fields = request_headers(HOLD)
        for begin in range(1, 10_001, 500):
            for stream in range(begin, begin + 500, 2):
                raw.send(
                    raw.headers(stream, fields=fields), raw.data(stream), RstStreamFrame(stream, error_code=8)
                )
        raw.send(raw.headers(20_001), raw.data(20_001))
        assert raw.next(DataFrame).stream_id == 20_001
        assert 0 < len(small.held) <= 5000
        assert small.given_up == small.held

    def test_resets_before_the_request_is_complete(self, raw: RawClient, small: Small) -> None:
        for stream in range(1, 2001, 2):
            raw.send(raw.headers(stream, fields=request_headers(HOLD)), RstStreamFrame(stream))
        raw.send(raw.headers(3001), raw.data(3001))
        assert raw.next(DataFrame).stream_id == 3001
        assert small.held == []


class TestControlFrames:
    """Those that need work by the number of streams, with many of them open."""

    @pytest.fixture(autouse=True)
    def blocked(self, raw: RawClient) -> None:
        """Answers that wait for the window of their stream."""
        raw.send(SettingsFrame(0, settings={4: 0}))
        for stream in range(1, 2001, 2):
            raw.send(raw.headers(stream, fields=request_headers(GIVE)), raw.data(stream, b"100"))

    def test_settings(self, raw: RawClient) -> None:
        flip_flop = b"\0\4\0\0\0\1" * 2000 + b"\0\4\0\0\0\0"
        flood = len(flip_flop).to_bytes(3, "big") + b"\4\0\0\0\0\0" + flip_flop
        raw.send(*[flood] * 500, PingFrame(0, b"12345678"))
        raw.next(PingFrame)

    def test_window_updates(self, raw: RawClient) -> None:
        raw.send(*[WindowUpdateFrame(0, window_increment=1)] * 50_000, PingFrame(0, b"12345678"))
        raw.next(PingFrame)

    def test_they_are_sent_when_their_window_opens(self, raw: RawClient) -> None:
        raw.send(SettingsFrame(0, settings={4: 65_535}), WindowUpdateFrame(0, window_increment=MEGABYTE))
        ended: set[int] = set()
        for frame in raw.frames():
            if "END_STREAM" in frame.flags:
                ended.add(frame.stream_id)
            if len(ended) == 1000:
                break


class TestUnread:
    """Clients that do not read."""

    def fill(self, raw: RawClient, part: bytes, most: int) -> int:
        """Send until the server takes no more; the number of bytes sent."""
        sent = 0
        raw.socket.setblocking(False)
        while sent < most and select.select([], [raw.socket], [], 2.0)[1]:
            sent += raw.socket.send(part[sent % len(part) :])
        raw.socket.settimeout(60)
        return sent

    @pytest.mark.usefixtures("no_growth")
    def test_answers_to_pings(self, raw: RawClient) -> None:
        raw.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 16)
        ping = PingFrame(0, b"12345678").serialize()
        raw.send(ping)
        acknowledged = raw.next(PingFrame).serialize()
        sent = self.fill(raw, ping * 5000, 256 * MEGABYTE)
        assert sent < 256 * MEGABYTE
        whole = sent // len(ping)
        assert raw.read(whole * len(ping)) == acknowledged * whole

    def test_a_large_answer_waits_until_it_is_read(self, raw: RawClient, server: LoopServer) -> None:
        size = 60 * MEGABYTE
        raw.send(SettingsFrame(0, settings={4: 2**31 - 1}))
        raw.send(WindowUpdateFrame(0, window_increment=2**31 - 65_536))
        raw.send(raw.headers(1, fields=request_headers(GIVE)), raw.data(1, str(size).encode()))
        received = sum(len(frame.data) for frame in until_end(raw, 1) if isinstance(frame, DataFrame))
        assert received == size + 5

    @pytest.mark.parametrize("window", [0, 2**31 - 1], ids=["window closed", "window open"])
    @pytest.mark.usefixtures("no_growth")
    def test_a_series_without_end_is_ended(self, raw: RawClient, small: Small, window: int) -> None:
        raw.send(SettingsFrame(0, settings={4: window}))
        raw.send(WindowUpdateFrame(0, window_increment=2**31 - 65_536))
        before = small.floods_ended
        raw.send(raw.headers(1, fields=request_headers(FLOOD)), raw.data(1, b"\x08\x80\x80\x04"))
        until(lambda: small.floods_ended > before, "the series has ended")
        assert raw.reset_code(1) == CALM

    @pytest.mark.usefixtures("no_growth")
    def test_a_conversation_whose_answers_nobody_takes(self, raw: RawClient) -> None:
        raw.send(SettingsFrame(0, settings={4: 0}), raw.headers(1, fields=request_headers(TALK)))
        for _ in range(2000):
            raw.send(DataFrame(1, bytes_value(bytes(16_000))))
        assert raw.reset_code(1) == CALM
        raw.send(raw.headers(3), raw.data(3), WindowUpdateFrame(3, window_increment=100))
        assert raw.next(DataFrame, 3).data == prefixed(b"hello")

    def test_no_new_calls_while_too_much_waits(self, raw: RawClient, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("kernel_server.http2.incoming.MOST_UNSENT", 100_000)
        raw.send(SettingsFrame(0, settings={4: 0}))
        raw.send(raw.headers(1, fields=request_headers(GIVE)), raw.data(1, b"200000"))
        raw.send(raw.headers(3), raw.data(3))
        assert raw.reset_code(3) == ErrorCode.REFUSED_STREAM
        raw.send(RstStreamFrame(1), raw.headers(5), raw.data(5), WindowUpdateFrame(5, window_increment=100))
        assert raw.next(DataFrame).data == prefixed(b"hello")


class TestUnfinishedRequests:
    @pytest.fixture(autouse=True)
    def room_for_little(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("kernel_server.http2.incoming.MOST_UNREAD", MEGABYTE)

    def test_the_one_that_is_too_much_is_reset(self, raw: RawClient) -> None:
        """And gives its room back, so that it may be tried again and again."""
        whole = prefixed(bytes(600_000))
        parts = [whole[begin : begin + 16_000] for begin in range(0, len(whole), 16_000)]
        raw.send(raw.headers(1, fields=request_headers(LENGTH)), *[DataFrame(1, part) for part in parts[:-1]])
        for stream in range(3, 23, 2):
            raw.send(raw.headers(stream, fields=request_headers(LENGTH)))
            raw.send(*[DataFrame(stream, part) for part in parts])
            assert raw.reset_code(stream) == CALM
        raw.send(DataFrame(1, parts[-1], flags=["END_STREAM"]))
        assert raw.next(DataFrame, 1).data == prefixed(b"600000")

    def test_finished_ones_count_no_more(self, raw: RawClient) -> None:
        for stream in range(1, 21, 2):
            raw.send(raw.headers(stream, fields=request_headers(LENGTH)))
            whole = prefixed(bytes(100_000))
            for begin in range(0, len(whole), 16_000):
                raw.send(DataFrame(stream, whole[begin : begin + 16_000]))
            raw.send(DataFrame(stream, b"", flags=["END_STREAM"]))
            assert raw.next(DataFrame, stream).data == prefixed(b"100000")


def test_connections_that_come_and_go(server: LoopServer) -> None:
    before = len(server.connections)
    for number in range(200):
        with RawClient(server.address, greet=bool(number % 3)) as client:
            if number % 3 == 2:
                client.send(client.headers(1, fields=request_headers(ECHO)))
    until(lambda: len(server.connections) <= before, "the server has forgotten them")


def until_end(raw: RawClient, stream: int) -> Iterator[object]:
    """The frames up to the last one of a stream."""
    for frame in raw.frames():
        yield frame
        if frame.stream_id == stream and "END_STREAM" in frame.flags:
            return
