"""Calls by grpcio's own clients: what users have."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import grpc
import pytest
from google.protobuf.wrappers_pb2 import BytesValue, Int64Value
from support.certificates import make_authority
from support.loop_server import BREAK, COUNT, ECHO, FAIL, FLOOD, GIVE, HOLD, LENGTH, TALK, LoopServer, Small
from support.servers import until
from support.stubs import TIMEOUT, refused

from kernel_server.security.tls import server_context

MEGABYTE = 1 << 20
UNLIMITED = [("grpc.max_receive_message_length", -1), ("grpc.max_send_message_length", -1)]
CODES = grpc.StatusCode


def count(channel: grpc.Channel, numbers: int) -> list[int]:
    return [
        reply.value
        for reply in channel.unary_stream(COUNT, Int64Value.SerializeToString, Int64Value.FromString)(
            Int64Value(value=numbers), timeout=TIMEOUT
        )
    ]


@pytest.fixture(scope="module", params=[False, True], ids=["", "behind a front end"])
def server(methods: Small, request: pytest.FixtureRequest) -> Iterator[LoopServer]:
    """Serves the methods directly, and through the relay of a front end."""
    running = LoopServer(methods.methods(), conversations=[TALK], front_end=request.param)
    yield running
    running.close()


class TestMessages:
    @pytest.mark.parametrize("size", [0, 1, 3000, 16_379, 16_380, 65_531, 20 * MEGABYTE])
    def test_both_ways(self, channel: grpc.Channel, size: int) -> None:
        message = bytes(range(256)) * (size // 256) + bytes(size % 256)
        assert channel.unary_unary(ECHO)(message, timeout=TIMEOUT) == message

    def test_a_large_one_in(self, channel: grpc.Channel) -> None:
        """The time this takes must grow with the size, not with its square."""
        assert channel.unary_unary(LENGTH)(bytes(100 * MEGABYTE), timeout=TIMEOUT) == b"104857600"

    def test_large_ones_at_the_same_time(self, channel: grpc.Channel) -> None:
        calls = [
            channel.unary_unary(ECHO).future(bytes([n]) * 3 * MEGABYTE, timeout=TIMEOUT) for n in range(10)
        ]
        for number, call in enumerate(calls):
            assert call.result() == bytes([number]) * 3 * MEGABYTE

    @pytest.mark.parametrize("compression", [grpc.Compression.Gzip, grpc.Compression.Deflate])
    @pytest.mark.parametrize("message", [b"", b"x" * 100_000, bytes(range(256)) * 10])
    def test_compressed(self, channel: grpc.Channel, compression: grpc.Compression, message: bytes) -> None:
        reply = channel.unary_unary(ECHO)(message, timeout=TIMEOUT, compression=compression)
        assert reply == message

    def test_metadata_does_not_matter(self, channel: grpc.Channel) -> None:
        metadata = [
            ("x-text", "grüße".encode().hex()),
            ("x-binary-bin", bytes(range(256))),
            ("x-text", "twice"),
        ]
        assert channel.unary_unary(ECHO)(b"x", timeout=TIMEOUT, metadata=metadata) == b"x"


class TestManyCalls:
    def test_over_one_channel(self, channel: grpc.Channel) -> None:
        echo = channel.unary_unary(ECHO)
        with ThreadPoolExecutor(16) as threads:
            messages = [str(number).encode() * (number % 50) for number in range(2000)]
            assert list(threads.map(lambda message: echo(message, timeout=TIMEOUT), messages)) == messages

    def test_all_at_the_same_time_answered_in_any_order(
        self, channel: grpc.Channel, server: LoopServer, small: Small
    ) -> None:
        calls = [channel.unary_unary(HOLD).future(b"", timeout=TIMEOUT) for _ in range(300)]
        until(lambda: len(small.held) == 300, "all have begun")
        server.run(lambda: [call.reply(b"%d" % n) for n, call in enumerate(reversed(small.held))])
        assert sorted(int(call.result()) for call in calls) == list(range(300))

    async def test_with_the_asynchronous_client(self, server: LoopServer) -> None:
        async with grpc.aio.insecure_channel(server.target, options=UNLIMITED) as channel:
            echo = channel.unary_unary(ECHO)
            messages = [bytes([number % 256]) * 100 * number for number in range(500)]
            answers = await asyncio.gather(*(echo(message, timeout=TIMEOUT) for message in messages))
        assert answers == messages


class TestErrors:
    @pytest.mark.parametrize(
        "message",
        [
            "plain",
            "100 % sure",
            "zwölf Boxkämpfer jagen",
            "line\nline\r\ttab",
            "%41 ~ \x7f \x00",
            "日本語" * 100,
            "🦊",
        ],
    )
    def test_messages_arrive_as_they_were(self, channel: grpc.Channel, message: str) -> None:
        with pytest.raises(grpc.RpcError) as caught:
            channel.unary_unary(FAIL)(message.encode(), timeout=TIMEOUT)
        assert (caught.value.code(), caught.value.details()) == (CODES.NOT_FOUND, message)

    @pytest.mark.parametrize("letter", ["x", "ü", "語", "🦊"])
    def test_long_ones_are_cut_between_letters(self, channel: grpc.Channel, letter: str) -> None:
        with pytest.raises(grpc.RpcError) as caught:
            channel.unary_unary(FAIL)((letter * 2000).encode(), timeout=TIMEOUT)
        details = caught.value.details()
        assert 1024 - 4 < len(details.encode()) <= 1024
        assert details == letter * (len(details) - 12) + "...TRUNCATED"

    def test_a_defect_of_a_method_ends_its_call(self, channel: grpc.Channel) -> None:
        with refused(CODES.INTERNAL, "RuntimeError: a defect of a method"):
            channel.unary_unary(BREAK)(b"", timeout=TIMEOUT)

    def test_a_method_that_does_not_exist(self, channel: grpc.Channel) -> None:
        for request in (b"", bytes(10 * MEGABYTE)):
            with refused(CODES.UNIMPLEMENTED, "Method not found: /no.such/Method"):
                channel.unary_unary("/no.such/Method")(request, timeout=TIMEOUT)


class TestDeadlines:
    def test_while_it_runs(self, channel: grpc.Channel, small: Small) -> None:
        with refused(CODES.DEADLINE_EXCEEDED, ""):
            channel.unary_unary(HOLD)(b"", timeout=0.2)
        until(lambda: small.given_up == small.held != [], "the call is given up once")

    def test_amid_a_series(self, channel: grpc.Channel, small: Small) -> None:
        before = small.floods_ended
        flood = channel.unary_stream(FLOOD, Int64Value.SerializeToString, BytesValue.FromString)
        with refused(CODES.DEADLINE_EXCEEDED, ""):
            for _ in flood(Int64Value(value=10), timeout=0.3):
                pass
        until(lambda: small.floods_ended == before + 1, "the series has ended")

    def test_the_method_sees_it(self, channel: grpc.Channel, server: LoopServer, small: Small) -> None:
        call = channel.unary_unary(HOLD).future(b"", timeout=3600)
        until(lambda: len(small.held) == 1, "the call has begun")
        now = server.run(lambda: asyncio.get_running_loop().time())
        assert 3500 < small.held[0].deadline - now < 3700  # grpcio rounds up
        call.cancel()


class TestCancelling:
    def test_while_it_runs(self, channel: grpc.Channel, server: LoopServer, small: Small) -> None:
        call = channel.unary_unary(HOLD).future(b"", timeout=TIMEOUT)
        until(lambda: len(small.held) == 1, "the call has begun")
        call.cancel()
        until(lambda: small.given_up == small.held, "the call is given up")
        server.run(lambda: small.held[0].reply(b"too late"))
        server.run(lambda: small.held[0].gone())

    def test_amid_a_series(self, channel: grpc.Channel, small: Small) -> None:
        before = small.floods_ended
        flood = channel.unary_stream(FLOOD, Int64Value.SerializeToString, BytesValue.FromString)
        replies = flood(Int64Value(value=10), timeout=TIMEOUT)
        assert next(replies).value == bytes(10)
        replies.cancel()
        until(lambda: small.floods_ended == before + 1, "the series has ended")

    def test_when_the_channel_closes(self, server: LoopServer, small: Small) -> None:
        with grpc.insecure_channel(server.target) as own:
            calls = [own.unary_unary(HOLD).future(b"", timeout=TIMEOUT) for _ in range(20)]
            until(lambda: len(small.held) == 20, "the calls have begun")
        assert {call.code() for call in calls} == {CODES.CANCELLED}
        until(lambda: len(small.given_up) == 20, "the calls are given up")
        assert set(small.given_up) == set(small.held)


class TestSeries:
    @pytest.mark.parametrize("numbers", [0, 1, 1000])
    def test_of_answers(self, channel: grpc.Channel, numbers: int) -> None:
        assert count(channel, numbers) == list(range(numbers))

    def test_of_requests_and_answers(self, channel: grpc.Channel) -> None:
        talk = channel.stream_stream(TALK, BytesValue.SerializeToString, BytesValue.FromString)
        words = [bytes([number]) * number * 500 for number in range(100)]
        answers = talk((BytesValue(value=word) for word in words), timeout=TIMEOUT)
        assert [answer.value for answer in answers] == [word * 2 for word in words]

    def test_each_request_is_answered_before_the_next_comes(self, channel: grpc.Channel) -> None:
        asked: list[bytes] = []

        def ask() -> Iterator[BytesValue]:
            for number in range(10):
                assert len(asked) == number
                yield BytesValue(value=b"%d" % number)
                until(lambda: len(asked) > number, "the answer has come")  # noqa: B023

        talk = channel.stream_stream(TALK, BytesValue.SerializeToString, BytesValue.FromString)
        for answer in talk(ask(), timeout=TIMEOUT):
            asked.append(answer.value)
        assert asked == [b"%d%d" % (n, n) for n in range(10)]

    def test_a_conversation_that_breaks_down(self, channel: grpc.Channel) -> None:
        talk = channel.stream_stream(TALK)
        with refused(CODES.INVALID_ARGUMENT, "The request is not a google.protobuf.BytesValue"):
            list(talk(iter([b"\xff\xff"]), timeout=TIMEOUT))


class TestKeepalive:
    def test_pings_of_an_idle_client_are_answered(self, server: LoopServer) -> None:
        """With a ping every 10 ms that must be answered within 5 s, the channel never breaks."""
        options = [
            ("grpc.keepalive_time_ms", 10),
            ("grpc.keepalive_timeout_ms", 5000),
            ("grpc.keepalive_permit_without_calls", 1),
            ("grpc.http2.max_pings_without_data", 0),
        ]
        states: list[grpc.ChannelConnectivity] = []
        with grpc.insecure_channel(server.target, options) as own:
            own.subscribe(states.append)
            for _ in range(20):
                with refused(CODES.DEADLINE_EXCEEDED, ""):
                    own.unary_unary(HOLD)(b"", timeout=0.03)
            assert own.unary_unary(ECHO)(b"x", timeout=TIMEOUT) == b"x"
        assert grpc.ChannelConnectivity.TRANSIENT_FAILURE not in states


@pytest.fixture(params=["tcp", "tls", "unix", "unix and tls"])
def any_channel(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[grpc.Channel]:
    """A channel to a server of its own over each kind of socket."""
    tls, connect = None, _plain
    path = tmp_path / "grpc.sock" if "unix" in request.param else None
    if "tls" in request.param:
        authority = make_authority(tmp_path)
        (tmp_path / "ssl.txt").write_text(authority.ssl_config(client_verify=False))
        tls, connect = (
            server_context(tmp_path / "ssl.txt", "h2"),
            _encrypted(authority.certificate.read_bytes()),
        )
    own = LoopServer(Small().methods(), conversations=[TALK], tls=tls, socket_path=path)
    try:
        with connect(f"unix:{path}" if path else own.target) as channel:
            yield channel
    finally:
        own.close()


def _plain(target: str) -> grpc.Channel:
    return grpc.insecure_channel(target, UNLIMITED)


def _encrypted(roots: bytes) -> Callable[[str], grpc.Channel]:
    names = [("grpc.ssl_target_name_override", "localhost"), ("grpc.default_authority", "localhost")]
    return lambda target: grpc.secure_channel(
        target, grpc.ssl_channel_credentials(roots), [*names, *UNLIMITED]
    )


def test_any_socket(any_channel: grpc.Channel) -> None:
    for size in (0, 1000, 20 * MEGABYTE):
        assert any_channel.unary_unary(ECHO)(bytes(size), timeout=TIMEOUT) == bytes(size)
        assert len(any_channel.unary_unary(GIVE)(b"%d" % size, timeout=TIMEOUT)) == size
    assert count(any_channel, 100) == list(range(100))
    with refused(CODES.NOT_FOUND, "no"):
        any_channel.unary_unary(FAIL)(b"no", timeout=TIMEOUT)
