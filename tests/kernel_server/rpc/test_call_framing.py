"""Messages, compression, deadlines and statuses on the wire, said by a client that can say them wrong."""

from __future__ import annotations

import gc
import gzip
import random
import zlib
from collections.abc import Iterator
from contextlib import closing, contextmanager

import grpc
import pytest
from support.h2_client import Answer, H2Client
from support.loop_server import COUNT, ECHO, HOLD, LENGTH, TALK, LoopServer, Small
from support.raw_client import prefixed
from support.servers import until
from support.stubs import TIMEOUT, refused

from kernel_server.errors import Cancelled
from kernel_server.rpc.call import Call

LIMIT = 1 << 20

INVALID, DEADLINE, NOT_FOUND, EXHAUSTED, UNIMPLEMENTED = 3, 4, 5, 8, 12
NO_ERROR = 0


@pytest.fixture(scope="module")
def small_server() -> Iterator[LoopServer]:
    """Takes messages of a megabyte."""
    running = LoopServer(Small().methods(), conversations=[TALK], most_bytes=LIMIT)
    yield running
    running.close()


@pytest.fixture
def wire(small_server: LoopServer) -> Iterator[H2Client]:
    with H2Client(small_server.address) as client:
        yield client
        assert client.exchange(b"afterwards").message == b"afterwards"


def send(wire: H2Client, body: bytes, path: str = LENGTH, **fields: str) -> Answer:
    """A call with this body, whatever it is."""
    stream = wire.begin(path, **fields)
    wire.h2.send_data(stream, body, end_stream=True)
    return wire.answer(stream)


def test_an_answered_call_leaves_nothing_to_the_garbage_collector() -> None:
    def answer(call: Call, message: bytes) -> None:
        call.on_gone = lambda: call.fail(Cancelled())
        call.reply(message)

    with (
        closing(LoopServer({ECHO: answer})) as server,
        collector_paused(),
        H2Client(server.address) as client,
    ):
        for number in range(20):
            assert client.exchange(b"%d" % number).message == b"%d" % number
        until(lambda: not any(isinstance(found, Call) for found in gc.get_objects()), "no call is left")


@contextmanager
def collector_paused() -> Iterator[None]:
    """With nothing left of what was before."""
    gc.collect()
    gc.disable()
    try:
        yield
    finally:
        gc.enable()


class TestMessages:
    @pytest.mark.parametrize(
        "body",
        [
            b"",
            b"\0",
            b"\0\0\0\0",
            b"\0\0\0\0\x02x",
            prefixed(b"one") + b"\0",
            prefixed(b"one") + prefixed(b"two"),
        ],
        ids=["none", "no prefix", "part of a prefix", "cut", "one and more", "two"],
    )
    def test_exactly_one_is_needed(self, wire: H2Client, body: bytes) -> None:
        answer = send(wire, body)
        assert answer.status == INVALID
        assert answer.headers["grpc-message"].startswith("The call must carry exactly one whole message")

    def test_one_that_is_announced_too_large_is_refused_at_once(self, wire: H2Client) -> None:
        stream = wire.begin(LENGTH)
        wire.h2.send_data(stream, b"\0\xff\xff\xff\xff")
        answer = wire.answer(stream)
        assert answer.status == EXHAUSTED
        assert answer.headers["grpc-message"].startswith(
            "Received message larger than max (4294967295 vs. 1048576)"
        )
        wire.until(lambda: answer.reset == NO_ERROR)

    @pytest.mark.parametrize(("size", "fits"), [(LIMIT, True), (LIMIT + 1, False)])
    def test_the_limit(self, small_server: LoopServer, size: int, fits: bool) -> None:
        with grpc.insecure_channel(small_server.target) as channel:
            call = channel.unary_unary(LENGTH)
            if fits:
                assert call(bytes(size), timeout=TIMEOUT) == b"1048576"
            else:
                with refused(grpc.StatusCode.RESOURCE_EXHAUSTED, "Received message larger than max"):
                    call(bytes(size), timeout=TIMEOUT)


class TestCompression:
    @pytest.mark.parametrize("size", [0, 1, 1000, LIMIT])
    @pytest.mark.parametrize(("encoding", "compress"), [("gzip", gzip.compress), ("deflate", zlib.compress)])
    def test_known(self, wire: H2Client, encoding: str, compress: object, size: int) -> None:
        body = prefixed(compress(bytes(size)), compressed=1)
        assert send(wire, body, grpc_encoding=encoding).message == b"%d" % size

    def test_only_flagged_messages_are_compressed(self, wire: H2Client) -> None:
        assert send(wire, prefixed(b"plain"), ECHO, grpc_encoding="gzip").message == b"plain"
        assert send(wire, prefixed(b"plain"), ECHO, grpc_encoding="snappy").message == b"plain"

    @pytest.mark.parametrize("fields", [{}, {"grpc-encoding": "identity"}, {"grpc-encoding": "snäppy"}])
    def test_unknown_is_refused_with_what_is_known(self, wire: H2Client, fields: dict[str, str]) -> None:
        answer = send(wire, prefixed(b"x", compressed=1), **fields)
        assert answer.status == UNIMPLEMENTED
        assert answer.headers["grpc-accept-encoding"] == "identity,deflate,gzip"

    @pytest.mark.parametrize(
        "message",
        [
            b"",
            b"no gzip",
            gzip.compress(random.Random(0).randbytes(100))[:-3],
            gzip.compress(b"one") + gzip.compress(b"two"),
            gzip.compress(b"one") + b"more",
        ],
        ids=["empty", "garbage", "cut", "two", "more"],
    )
    def test_damaged(self, wire: H2Client, message: bytes) -> None:
        answer = send(wire, prefixed(message, compressed=1), grpc_encoding="gzip")
        assert answer.status == INVALID
        assert answer.headers["grpc-message"].startswith("The compressed message cannot be read")

    def test_a_little_that_becomes_a_lot(self, wire: H2Client) -> None:
        for message in (gzip.compress(bytes(LIMIT + 1)), gzip.compress(bytes(10 * LIMIT))):
            assert send(wire, prefixed(message, compressed=1), grpc_encoding="gzip").status == EXHAUSTED


class TestDeadlines:
    @pytest.mark.parametrize("timeout", ["0n", "1n", "1u", "50m", "00000000S"])
    def test_one_that_passes(self, wire: H2Client, timeout: str) -> None:
        assert send(wire, prefixed(b""), HOLD, grpc_timeout=timeout).status == DEADLINE

    def test_one_that_passes_before_the_request_is_complete(self, wire: H2Client) -> None:
        answer = wire.answer(wire.begin(ECHO, grpc_timeout="10m"))
        assert answer.status == DEADLINE
        wire.until(lambda: answer.reset == NO_ERROR)

    @pytest.mark.parametrize(
        "timeout", ["99999999H", "60S", "", "5", "S", "-5S", "0.5S", "²n", "0x0n", "000000000n", "1d", " 1n"]
    )
    def test_one_that_is_far_or_cannot_be_read_changes_nothing(self, wire: H2Client, timeout: str) -> None:
        assert send(wire, prefixed(b"x"), ECHO, grpc_timeout=timeout).message == b"x"


class TestStatuses:
    def test_an_error_is_one_block_of_headers(self, wire: H2Client) -> None:
        answer = send(wire, prefixed(b""), "/test.Small/Fäil")
        assert answer.headers == {
            ":status": "200",
            "content-type": "application/grpc",
            "grpc-accept-encoding": "identity,deflate,gzip",
            "grpc-status": str(UNIMPLEMENTED),
            "grpc-message": "Method not found: /test.Small/F%C3%A4il",
        }

    def test_an_error_after_answers_comes_in_the_trailers(self, wire: H2Client) -> None:
        stream = wire.begin(TALK)
        wire.h2.send_data(stream, prefixed(b"\x0a\x02ok") + prefixed(b"\xff"), end_stream=True)
        answer = wire.answer(stream)
        assert (answer.body, answer.status) == (prefixed(b"\x0a\x04okok"), INVALID)

    def test_a_series_without_answers_ends_well(self, wire: H2Client) -> None:
        answer = send(wire, prefixed(b""), COUNT)
        assert (answer.body, answer.status) == (b"", 0)

    @pytest.mark.parametrize("kind", ["application/json", "text/plain", ""])
    def test_what_is_not_grpc(self, wire: H2Client, kind: str) -> None:
        assert send(wire, b"{}", content_type=kind).headers[":status"] == "415"

    @pytest.mark.parametrize("kind", ["application/grpc", "application/grpc+proto", "application/grpc;v=1"])
    def test_kinds_of_grpc(self, wire: H2Client, kind: str) -> None:
        assert send(wire, prefixed(b"x"), ECHO, content_type=kind).message == b"x"


class TestConversations:
    def test_messages_cut_anywhere(self, wire: H2Client) -> None:
        body = b"".join(prefixed(b"\x0a\x01" + bytes([letter])) for letter in b"abcde")
        stream = wire.begin(TALK)
        for begin in range(0, len(body), 3):
            wire.h2.send_data(stream, body[begin : begin + 3])
        wire.h2.end_stream(stream)
        answer = wire.answer(stream)
        assert answer.body == b"".join(prefixed(b"\x0a\x02" + bytes([letter]) * 2) for letter in b"abcde")
        assert answer.status == 0

    def test_cut_off(self, wire: H2Client) -> None:
        answer = send(wire, prefixed(b"\x0a\x01a") + b"\0\0\0", TALK)
        assert (answer.body, answer.status) == (prefixed(b"\x0a\x02aa"), INVALID)

    def test_one_message_too_large(self, wire: H2Client) -> None:
        stream = wire.begin(TALK)
        wire.h2.send_data(stream, prefixed(b"\x0a\x01a") + b"\0\xff\xff\xff\xff" + bytes(100))
        answer = wire.answer(stream)
        assert (answer.body, answer.status) == (prefixed(b"\x0a\x02aa"), EXHAUSTED)
