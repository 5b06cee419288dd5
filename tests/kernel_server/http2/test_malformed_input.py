"""Input that is not HTTP/2: refused with the code that the standard names, and no other client notices."""

from __future__ import annotations

import random
import socket

import pytest
from hyperframe.frame import (
    ContinuationFrame,
    DataFrame,
    Frame,
    GoAwayFrame,
    HeadersFrame,
    PingFrame,
    PriorityFrame,
    PushPromiseFrame,
    RstStreamFrame,
    SettingsFrame,
    WindowUpdateFrame,
)
from support.loop_server import HOLD, LoopServer, Small
from support.raw_client import PREFACE, RawClient, prefixed, request_headers
from support.servers import until

from kernel_server.http2.frames import ErrorCode

pytestmark = pytest.mark.usefixtures("neighbour")

PROTOCOL, FLOW, SIZE = ErrorCode.PROTOCOL_ERROR, ErrorCode.FLOW_CONTROL_ERROR, ErrorCode.FRAME_SIZE_ERROR
COMPRESSION, CALM, CLOSED = (
    ErrorCode.COMPRESSION_ERROR,
    ErrorCode.ENHANCE_YOUR_CALM,
    ErrorCode.STREAM_CLOSED,
)


def cut(kind: int, size: int, *, flags: int = 0, stream: int = 0) -> bytes:
    """A frame of zeros, of any length."""
    return size.to_bytes(3, "big") + bytes((kind, flags)) + stream.to_bytes(4, "big") + bytes(size)


def setting(key: int, value: int) -> bytes:
    return SettingsFrame(0, settings={key: value}).serialize()


def begin_held_call(raw: RawClient, small: Small) -> None:
    """A complete call on stream 1 that nobody answers."""
    raw.send(raw.headers(1, fields=request_headers(HOLD)), raw.data(1))
    until(lambda: len(small.held) == 1, "the call has begun")


class TestFirstWords:
    def test_http_1_is_answered_in_http_1(self, server: LoopServer) -> None:
        with RawClient(server.address, greet=False) as client:
            client.send(b"GET /v1/models/half HTTP/1.1\r\nHost: localhost\r\n\r\n")
            answer = client.everything()
        assert answer.startswith(b"HTTP/1.1 400 Bad Request\r\n")
        assert answer.endswith(b"--rest_api_port.\n")

    @pytest.mark.parametrize("words", [b"\x16\x03\x01\x02\x00\x01", b"PRI * HTTP/2.0\r\n\r\nSN", b"\0"])
    def test_others_are_left(self, server: LoopServer, words: bytes) -> None:
        with RawClient(server.address, greet=False) as client:
            client.send(words)
            assert client.everything().startswith(b"HTTP/1.1 400")

    @pytest.mark.parametrize(
        "first", [PingFrame(0), SettingsFrame(0, flags=["ACK"]), WindowUpdateFrame(0, window_increment=1)]
    )
    def test_the_first_frame_must_be_settings(self, server: LoopServer, first: Frame) -> None:
        with RawClient(server.address, greet=False) as client:
            client.send(PREFACE, first)
            assert client.farewell() == (PROTOCOL, "the first frame must be SETTINGS")

    def test_byte_by_byte_they_are_understood(self, server: LoopServer) -> None:
        with RawClient(server.address, greet=False) as client:
            client.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            words = [PREFACE, SettingsFrame(0).serialize(), client.headers(1).serialize()]
            for byte in b"".join([*words, client.data(1).serialize()]):
                client.send(bytes((byte,)))
            assert client.next(DataFrame).data == prefixed(b"hello")

    def test_a_connection_that_says_nothing_harms_nobody(self, server: LoopServer) -> None:
        with RawClient(server.address, greet=False), RawClient(server.address, greet=False) as client:
            client.send(PREFACE[:10])


class TestFramesThatCannotBe:
    """Each ends the connection with the code given."""

    @pytest.mark.parametrize(
        ("sent", "code"),
        [
            pytest.param(cut(0, 16_385, stream=1), SIZE, id="a frame above the limit"),
            pytest.param(b"\xff\xff\xff\x00\x00\x00\x00\x00\x01", SIZE, id="the largest frame announced"),
            pytest.param(cut(0, 3, stream=1), PROTOCOL, id="data on an idle stream"),
            pytest.param(cut(0, 3, stream=2), PROTOCOL, id="data on a stream of the server"),
            pytest.param(cut(0, 3), PROTOCOL, id="data on stream 0"),
            pytest.param(cut(1, 1, flags=4), COMPRESSION, id="headers that are no HPACK"),
            pytest.param(cut(1, 0, flags=4), PROTOCOL, id="headers on stream 0"),
            pytest.param(cut(1, 4, flags=4 | 0x20, stream=1), PROTOCOL, id="headers without their priority"),
            pytest.param(cut(1, 0, flags=4 | 0x8, stream=1), SIZE, id="padded headers of nothing"),
            pytest.param(cut(2, 4, stream=1), SIZE, id="short priority"),
            pytest.param(cut(2, 5), PROTOCOL, id="priority of stream 0"),
            pytest.param(cut(3, 3, stream=1), SIZE, id="short reset"),
            pytest.param(cut(3, 4), PROTOCOL, id="reset of stream 0"),
            pytest.param(cut(3, 4, stream=1), PROTOCOL, id="reset of an idle stream"),
            pytest.param(cut(4, 5), SIZE, id="settings cut in two"),
            pytest.param(cut(4, 6, flags=1), SIZE, id="settings acknowledged with settings"),
            pytest.param(cut(4, 0, stream=1), PROTOCOL, id="settings of a stream"),
            pytest.param(setting(2, 2), PROTOCOL, id="push neither on nor off"),
            pytest.param(setting(4, 2**31), FLOW, id="window too large to begin with"),
            pytest.param(setting(5, 0), PROTOCOL, id="frames of nothing"),
            pytest.param(setting(5, 2**24), PROTOCOL, id="frames too large"),
            pytest.param(PushPromiseFrame(1, 2), PROTOCOL, id="a client's push"),
            pytest.param(cut(6, 7), SIZE, id="short ping"),
            pytest.param(cut(6, 8, stream=1), PROTOCOL, id="ping of a stream"),
            pytest.param(cut(7, 8, stream=1), PROTOCOL, id="farewell of a stream"),
            pytest.param(cut(8, 3), SIZE, id="short window update"),
            pytest.param(cut(8, 4), PROTOCOL, id="window update of 0"),
            pytest.param(cut(8, 4, stream=1), PROTOCOL, id="window update of 0 on a stream"),
            pytest.param(WindowUpdateFrame(1, window_increment=1), PROTOCOL, id="window of an idle stream"),
            pytest.param(WindowUpdateFrame(0, window_increment=2**31 - 1), FLOW, id="window overflow"),
            pytest.param(ContinuationFrame(1, b"", flags=["END_HEADERS"]), PROTOCOL, id="continued nothing"),
        ],
    )
    def test_on_a_new_connection(self, raw: RawClient, sent: Frame | bytes, code: ErrorCode) -> None:
        raw.send(sent)
        assert raw.farewell()[0] == code

    def test_even_stream(self, raw: RawClient) -> None:
        raw.send(raw.headers(2))
        assert raw.farewell() == (PROTOCOL, "stream 2 is not a client's")

    def test_stream_numbers_that_fall(self, raw: RawClient) -> None:
        raw.send(raw.headers(5), raw.headers(3))
        assert raw.farewell() == (PROTOCOL, "headers within stream 3")

    @pytest.mark.parametrize(
        "between", [PingFrame(0), DataFrame(1, b"x"), HeadersFrame(3, b"", flags=["END_HEADERS"])]
    )
    def test_headers_interrupted(self, raw: RawClient, between: Frame) -> None:
        raw.send(HeadersFrame(1, b""), between)
        assert raw.farewell() == (PROTOCOL, "headers were interrupted")

    def test_headers_continued_on_another_stream(self, raw: RawClient) -> None:
        raw.send(HeadersFrame(1, b""), ContinuationFrame(3, b"", flags=["END_HEADERS"]))
        assert raw.farewell()[0] == PROTOCOL

    @pytest.mark.parametrize("payload", [b"", b"\x05hell"])
    def test_more_padding_than_data(self, raw: RawClient, payload: bytes) -> None:
        padded = len(payload).to_bytes(3, "big") + b"\x00\x08\x00\x00\x00\x01" + payload
        raw.send(raw.headers(1), padded)
        assert raw.farewell()[0] in (PROTOCOL, SIZE)

    @pytest.mark.parametrize(
        "fields",
        [
            [*request_headers(), ("Upper", "x")],
            [*request_headers(), ("connection", "close")],
            [("te", "trailers"), *request_headers()],
            [*request_headers(), (":path", "/again")],
            [(":path", "/again"), *request_headers()],
            [(":unknown", "x"), *request_headers()],
        ],
        ids=[
            "upper case",
            "of HTTP/1",
            "pseudo after others",
            "second path",
            "first of two paths",
            "unknown pseudo",
        ],
    )
    def test_headers_that_http2_forbids(self, raw: RawClient, fields: list[tuple[str, str]]) -> None:
        raw.send(raw.headers(1, fields=fields))
        code, message = raw.farewell()
        assert code == PROTOCOL
        assert "is not allowed there" in message

    def test_headers_amid_a_request(self, raw: RawClient) -> None:
        raw.send(raw.headers(1), raw.headers(1))
        assert raw.farewell() == (PROTOCOL, "headers within stream 1")

    def test_what_is_unknown_is_skipped(self, raw: RawClient) -> None:
        raw.send(
            cut(0xAB, 100), cut(0xAB, 1, flags=0xFF, stream=7), setting(0xABC, 1), raw.headers(1), raw.data(1)
        )
        assert raw.next(DataFrame).data == prefixed(b"hello")


class TestFaultsOfOneStream:
    """Each ends its stream only: a later call on the same connection is answered."""

    @pytest.fixture(autouse=True)
    def later_call(self, raw: RawClient) -> object:
        yield
        raw.send(raw.headers(101), raw.data(101, b"later"))
        assert raw.next(DataFrame, 101).data == prefixed(b"later")

    @pytest.fixture
    def held(self, raw: RawClient, small: Small) -> object:
        """A complete call on stream 1, which is to be given up by whatever the test does."""
        begin_held_call(raw, small)
        yield
        until(lambda: small.given_up == small.held, "the call is given up once")

    @pytest.mark.usefixtures("held")
    def test_data_after_the_end(self, raw: RawClient, small: Small) -> None:
        raw.send(raw.data(1))
        assert raw.reset_code(1) == CLOSED
        assert len(small.held) == 1, "the call must not begin twice"

    @pytest.mark.usefixtures("held")
    def test_trailers_after_the_end(self, raw: RawClient) -> None:
        raw.send(raw.headers(1, "END_STREAM", "END_HEADERS", fields=[("a", "b")]))
        assert raw.reset_code(1) == CLOSED

    @pytest.mark.usefixtures("held")
    def test_window_overflow(self, raw: RawClient) -> None:
        raw.send(WindowUpdateFrame(1, window_increment=2**31 - 1))
        assert raw.reset_code(1) == FLOW

    @pytest.mark.parametrize(
        "late",
        [
            DataFrame(1, b"more"),
            DataFrame(1, b"", flags=["END_STREAM"]),
            RstStreamFrame(1),
            WindowUpdateFrame(1, window_increment=1),
            PriorityFrame(1, exclusive=True),
        ],
    )
    def test_frames_that_come_late(self, raw: RawClient, late: Frame) -> None:
        """The client cannot know yet that the call was refused when it began."""
        raw.send(raw.headers(1, fields=request_headers("/no.such/Method")))
        assert raw.next(HeadersFrame, 1).flags == {"END_HEADERS", "END_STREAM"}
        assert raw.reset_code(1) == ErrorCode.NO_ERROR
        raw.send(late)

    def test_trailers_that_come_late(self, raw: RawClient) -> None:
        raw.send(raw.headers(1, fields=request_headers("/no.such/Method")))
        raw.send(raw.headers(1, "END_STREAM", "END_HEADERS", fields=[("a", "b")]))


class TestEnds:
    """Connections that end amid a request."""

    def test_amid_a_frame(self, raw: RawClient, server: LoopServer) -> None:
        raw.next(SettingsFrame)
        before = len(server.connections)
        raw.send(raw.headers(1), raw.data(1).serialize()[:-2])
        raw.socket.close()
        until(lambda: len(server.connections) < before, "the connection is forgotten")

    def test_half_closed_amid_a_request(self, raw: RawClient) -> None:
        raw.send(raw.headers(1), DataFrame(1, prefixed(b"x")))
        raw.socket.shutdown(socket.SHUT_WR)
        assert DataFrame not in map(type, raw.frames())

    def test_half_closed_while_a_call_runs(self, raw: RawClient, small: Small) -> None:
        begin_held_call(raw, small)
        raw.socket.shutdown(socket.SHUT_WR)
        until(lambda: small.given_up == small.held, "the call is given up once")

    def test_reset_by_the_system(self, raw: RawClient, small: Small) -> None:
        begin_held_call(raw, small)
        raw.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\0\0\0\0\0\0\0")
        raw.socket.close()
        until(lambda: small.given_up == small.held, "the call is given up once")

    def test_a_client_s_farewell(self, raw: RawClient) -> None:
        raw.send(GoAwayFrame(0), raw.headers(1), raw.data(1))
        assert raw.next(DataFrame).data == prefixed(b"hello")


@pytest.mark.parametrize("seed", range(20))
def test_noise(server: LoopServer, seed: int) -> None:
    noise = random.Random(seed).randbytes(1 << 14)
    with RawClient(server.address, greet=bool(seed % 2)) as client:
        client.send(noise)
        client.socket.shutdown(socket.SHUT_WR)
        client.everything()


def test_noise_as_headers(server: LoopServer) -> None:
    generator = random.Random(7)
    for _ in range(200):
        with RawClient(server.address) as client:
            block = generator.randbytes(generator.randrange(1, 200))
            client.send(
                HeadersFrame(1, block, flags=["END_HEADERS", "END_STREAM"]), PingFrame(0, b"12345678")
            )
            client.next(SettingsFrame)
