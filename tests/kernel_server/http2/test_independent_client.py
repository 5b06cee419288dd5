"""What the standard allows and grpcio does not do, said by ``h2``, which checks every answer against it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from h2.events import PingAckReceived, SettingsAcknowledged
from h2.settings import SettingCodes
from support.h2_client import H2Client
from support.loop_server import COUNT, ECHO, FAIL, GIVE, LENGTH, LoopServer
from support.raw_client import prefixed

MEGABYTE = 1 << 20


@pytest.fixture
def client(server: LoopServer) -> Iterator[H2Client]:
    with H2Client(server.address) as client:
        yield client


class TestRequests:
    def test_answer_is_headers_message_trailers(self, client: H2Client) -> None:
        answer = client.exchange(b"hello")
        assert answer.message == b"hello"
        assert answer.headers == {
            ":status": "200",
            "content-type": "application/grpc",
            "grpc-accept-encoding": "identity,deflate,gzip",
            "grpc-status": "0",
        }

    @pytest.mark.parametrize("size", [0, 1, 16_379, 16_380, 65_530, 5 * MEGABYTE])
    def test_sizes_around_frames_and_windows(self, client: H2Client, size: int) -> None:
        message = bytes(range(256)) * (size // 256) + bytes(size % 256)
        assert client.exchange(message).message == message

    def test_one_byte_a_frame(self, client: H2Client) -> None:
        stream = client.begin()
        for byte in prefixed(b"in pieces"):
            client.h2.send_data(stream, bytes((byte,)))
        client.h2.send_data(stream, b"", end_stream=True)
        assert client.answer(stream).message == b"in pieces"

    @pytest.mark.parametrize("padding", [0, 1, 255])
    def test_padding(self, client: H2Client, padding: int) -> None:
        stream = client.begin()
        body = prefixed(b"padded")
        client.h2.send_data(stream, body[:3], pad_length=padding)
        client.h2.send_data(stream, b"", pad_length=padding)
        client.h2.send_data(stream, body[3:], end_stream=True, pad_length=padding)
        assert client.answer(stream).message == b"padded"

    def test_headers_of_several_frames(self, client: H2Client) -> None:
        """One continuation after another, since ``h2`` cuts blocks at the size of a frame."""
        client.h2.max_outbound_frame_size = 100
        fields = {f"x-{number}": "v" * 50 for number in range(20)}
        stream = client.begin(**fields)
        client.h2.max_outbound_frame_size = 16_384
        client.send(stream, prefixed(b"long"))
        assert client.answer(stream).message == b"long"

    def test_priority(self, client: H2Client) -> None:
        stream = client.h2.get_next_available_stream_id()
        client.h2.prioritize(stream, weight=7, depends_on=0, exclusive=True)
        stream = client.call()
        client.h2.prioritize(stream, weight=200)
        assert client.answer(stream).message == b"hello"

    def test_trailers_end_a_request(self, client: H2Client) -> None:
        stream = client.begin()
        client.h2.send_data(stream, prefixed(b"with trailers"))
        client.h2.send_headers(stream, [("x-checksum", "1")], end_stream=True)
        assert client.answer(stream).message == b"with trailers"

    def test_a_request_without_a_body(self, client: H2Client) -> None:
        answer = client.answer(client.begin(ended=True))
        assert (answer.status, answer.headers[":status"]) == (3, "200")

    def test_streams_interleaved(self, client: H2Client) -> None:
        streams = [client.begin() for _ in range(50)]
        bodies = {stream: prefixed(str(stream).encode() * 1000) for stream in streams}
        for begin in range(0, 5000, 700):
            for stream in streams:
                part = bodies[stream][begin : begin + 700]
                if part:
                    client.h2.send_data(stream, part, end_stream=begin + 700 >= len(bodies[stream]))
            client.flush()
        for stream in streams:
            assert client.answer(stream).message == str(stream).encode() * 1000

    def test_many_calls_one_after_another_keep_the_header_tables_equal(self, client: H2Client) -> None:
        for number in range(300):
            answer = client.exchange(path=FAIL, message=str(number).encode(), x_number=str(number % 7))
            assert answer.headers["grpc-message"] == str(number)

    def test_a_header_table_that_the_client_resizes(self, client: H2Client) -> None:
        for size in (0, 100, 4096, 50, 4096):
            client.h2.encoder.header_table_size = size
            for number in range(5):
                assert client.exchange(b"x", ECHO, x_value=f"{number}" * 30).message == b"x"


class TestWindowsOfTheClient:
    @pytest.fixture
    def narrow(self, server: LoopServer) -> Iterator[H2Client]:
        """A client with windows of 65,535 bytes that opens them only when told to."""
        with H2Client(server.address, wide=False) as client:
            yield client

    def give(self, client: H2Client, size: int) -> int:
        return client.call(str(size).encode(), GIVE)

    def test_answers_stop_at_the_window(self, narrow: H2Client) -> None:
        stream = self.give(narrow, MEGABYTE)
        answer = narrow.answers[stream]
        narrow.until(lambda: len(answer.body) == 65_535)
        narrow.h2.increment_flow_control_window(2**30)
        narrow.h2.increment_flow_control_window(10, stream)
        narrow.until(lambda: len(answer.body) == 65_545)
        narrow.h2.increment_flow_control_window(2**30, stream)
        assert narrow.answer(stream).message == bytes(MEGABYTE)

    def test_one_byte_at_a_time(self, narrow: H2Client) -> None:
        narrow.h2.update_settings({SettingCodes.INITIAL_WINDOW_SIZE: 0})
        stream = self.give(narrow, 20)
        narrow.until(lambda: ":status" in narrow.answers[stream].headers)
        for size in range(25):
            assert len(narrow.answers[stream].body) == size
            narrow.h2.increment_flow_control_window(1, stream)
            narrow.until(lambda size=size: len(narrow.answers[stream].body) == size + 1)
        assert narrow.answer(stream).message == bytes(20)

    def test_a_blocked_answer_blocks_no_other(self, narrow: H2Client) -> None:
        """The windows of two streams are independent, and the connection's has room left."""
        narrow.h2.increment_flow_control_window(MEGABYTE)
        large = self.give(narrow, MEGABYTE)
        narrow.until(lambda: len(narrow.answers[large].body) == 65_535)
        assert narrow.answer(self.give(narrow, 1000)).message == bytes(1000)

    def test_when_the_connection_opens_all_go_on(self, narrow: H2Client) -> None:
        streams = [self.give(narrow, 30_000) for _ in range(10)]
        narrow.until(lambda: sum(len(narrow.answers[stream].body) for stream in streams) == 65_535)
        narrow.h2.increment_flow_control_window(MEGABYTE)
        for stream in streams:
            assert narrow.answer(stream).message == bytes(30_000)

    def test_settings_amid_an_answer_widen_and_narrow_open_streams(self, narrow: H2Client) -> None:
        narrow.h2.increment_flow_control_window(MEGABYTE)
        stream = self.give(narrow, 200_000)
        answer = narrow.answers[stream]
        narrow.until(lambda: len(answer.body) == 65_535)
        narrow.h2.update_settings({SettingCodes.INITIAL_WINDOW_SIZE: 100_000})
        narrow.until(lambda: len(answer.body) == 100_000)
        narrow.h2.update_settings({SettingCodes.INITIAL_WINDOW_SIZE: 10})
        narrow.until(lambda: len(narrow.seen(SettingsAcknowledged)) == 3)
        narrow.h2.increment_flow_control_window(99_990 + 5, stream)
        narrow.until(lambda: len(answer.body) == 100_005)
        narrow.h2.update_settings({SettingCodes.INITIAL_WINDOW_SIZE: 200_000})
        assert narrow.answer(stream).message == bytes(200_000)

    def test_larger_frames_when_the_client_takes_them(self, client: H2Client) -> None:
        client.h2.update_settings({SettingCodes.MAX_FRAME_SIZE: MEGABYTE})
        assert client.answer(self.give(client, 3 * MEGABYTE)).message == bytes(3 * MEGABYTE)

    def test_a_stream_of_messages_waits_with_its_end(self, narrow: H2Client) -> None:
        narrow.h2.update_settings({SettingCodes.INITIAL_WINDOW_SIZE: 10})
        stream = narrow.call(b"\x08\x32", COUNT)
        answer = narrow.answers[stream]
        narrow.until(lambda: len(answer.body) == 10)
        narrow.h2.increment_flow_control_window(10_000, stream)
        assert narrow.answer(stream).status == 0
        assert answer.body.count(b"\0\0\0\0\x02\x08") == 49

    def test_a_reset_frees_what_waits(self, narrow: H2Client, server: LoopServer) -> None:
        streams = [self.give(narrow, MEGABYTE) for _ in range(5)]
        narrow.until(lambda: sum(len(narrow.answers[stream].body) for stream in streams) == 65_535)
        for stream in streams:
            narrow.h2.reset_stream(stream)
        narrow.h2.increment_flow_control_window(MEGABYTE)
        assert narrow.exchange().message == b"hello"


class TestWindowsOfTheServer:
    def test_are_opened_again(self, client: H2Client) -> None:
        """Told so with a client that takes them for a fraction of what they are."""
        client.h2.outbound_flow_control_window = 1 << 25
        stream = client.begin(LENGTH)
        client.h2.streams[stream].outbound_flow_control_window = 1 << 25
        client.send(stream, prefixed(bytes(50 * MEGABYTE)))
        assert client.answer(stream).message == b"%d" % (50 * MEGABYTE)


class TestConnection:
    def test_ping(self, client: H2Client) -> None:
        client.h2.ping(b"12345678")
        client.until(lambda: bool(client.seen(PingAckReceived)))
        assert client.seen(PingAckReceived)[0].ping_data == b"12345678"

    def test_settings_are_acknowledged(self, client: H2Client) -> None:
        client.until(lambda: len(client.seen(SettingsAcknowledged)) == 2)
