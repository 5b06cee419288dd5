"""The protocol without a socket: frames in, frames out. Real servers are in ``test_load_caller.py``."""

from __future__ import annotations

import pytest
from hpack import Decoder, Encoder

from workbench.load.http2 import GrpcConnection, ProtocolError, Reply

DATA, HEADERS, RST_STREAM, SETTINGS, PING, GOAWAY, WINDOW_UPDATE, CONTINUATION = 0, 1, 3, 4, 6, 7, 8, 9
END_STREAM, END_HEADERS, PADDED = 0x1, 0x4, 0x8
PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"

Frame = tuple[int, int, int, bytes]


def frame(kind: int, flags: int, stream: int, payload: bytes) -> bytes:
    return len(payload).to_bytes(3, "big") + bytes((kind, flags)) + stream.to_bytes(4, "big") + payload


def settings(**values: int) -> bytes:
    numbers = {"table": 1, "streams": 3, "window": 4, "frame": 5}
    pairs = (numbers[name].to_bytes(2, "big") + value.to_bytes(4, "big") for name, value in values.items())
    return frame(SETTINGS, 0, 0, b"".join(pairs))


def frames(data: bytes) -> list[Frame]:
    found = []
    while data:
        size = int.from_bytes(data[:3], "big")
        found.append((data[3], data[4], int.from_bytes(data[5:9], "big"), data[9 : 9 + size]))
        data = data[9 + size :]
    return found


def headers(*fields: tuple[str, str]) -> bytes:
    """A block as a server without a dynamic table writes it."""
    encoder = Encoder()
    encoder.header_table_size = 0
    return encoder.encode(fields)


def answer(stream: int, message: bytes = b"pong", status: str = "0") -> bytes:
    body = b"\0" + len(message).to_bytes(4, "big") + message
    return (
        frame(HEADERS, END_HEADERS, stream, headers((":status", "200")))
        + frame(DATA, 0, stream, body)
        + frame(HEADERS, END_HEADERS | END_STREAM, stream, headers(("grpc-status", status)))
    )


def connected(**values: int) -> GrpcConnection:
    connection = GrpcConnection("localhost", "/service/Method", 2.5, [("authorization", "Bearer t")])
    connection.receive(settings(**values))
    connection.take_outgoing()
    return connection


def sent_message(connection: GrpcConnection, stream: int) -> bytes:
    return b"".join(
        p for kind, _, number, p in frames(connection.take_outgoing()) if (kind, number) == (DATA, stream)
    )


def test_no_call_may_be_made_before_the_servers_settings_arrived() -> None:
    connection = GrpcConnection("localhost", "/s/M", 1.0)

    assert not connection.has_room
    assert connection.take_outgoing().startswith(PREFACE)
    connection.receive(settings())
    assert connection.has_room
    assert (SETTINGS, 0x1, 0, b"") in frames(connection.take_outgoing())


def test_a_request_carries_grpcs_headers_and_the_length_prefixed_message() -> None:
    connection = connected()

    stream = connection.call(b"ping")
    (_, flags, _, block), data = frames(connection.take_outgoing())

    assert flags == END_HEADERS
    assert dict(Decoder().decode(block)) == {
        ":method": "POST",
        ":scheme": "http",
        ":path": "/service/Method",
        ":authority": "localhost",
        "te": "trailers",
        "content-type": "application/grpc",
        "grpc-timeout": "2500m",
        "authorization": "Bearer t",
    }
    assert data == (DATA, END_STREAM, stream, b"\0\0\0\0\4ping")


def test_later_requests_refer_to_the_headers_of_the_first() -> None:
    connection, decoder = connected(), Decoder()
    blocks = []
    for _ in range(3):
        connection.call(b"")
        blocks.append(frames(connection.take_outgoing())[0][3])

    decoded = [decoder.decode(block) for block in blocks]

    assert decoded[0] == decoded[1] == decoded[2]
    assert len(blocks[1]) == len(decoded[0]) < len(blocks[0])


def test_replies_come_back_by_stream_however_the_bytes_are_cut() -> None:
    connection = connected()
    first, second = connection.call(b"a"), connection.call(b"b")
    data = answer(second, b"two") + answer(first, b"one")

    replies = [
        reply for position in range(len(data)) for reply in connection.receive(data[position : position + 1])
    ]

    assert replies == [Reply(second, 0, "", b"two"), Reply(first, 0, "", b"one")]


def test_an_error_has_status_and_decoded_message() -> None:
    connection = connected()
    stream = connection.call(b"")
    trailers = headers((":status", "200"), ("grpc-status", "8"), ("grpc-message", "queue%20full%3A%2010"))

    replies = connection.receive(frame(HEADERS, END_HEADERS | END_STREAM, stream, trailers))

    assert replies == [Reply(stream, 8, "queue full: 10", b"")]


def test_padding_and_continued_headers_are_understood() -> None:
    connection = connected()
    stream = connection.call(b"")
    trailers = headers(("grpc-status", "0"))

    replies = connection.receive(
        frame(DATA, PADDED, stream, b"\3" + b"\0\0\0\0\2ok" + b"\0\0\0")
        + frame(HEADERS, END_STREAM, stream, trailers[:3])
        + frame(CONTINUATION, END_HEADERS, stream, trailers[3:])
    )

    assert replies == [Reply(stream, 0, "", b"ok")]


def test_a_large_message_waits_for_the_windows() -> None:
    connection = connected(window=10, frame=16_384)
    stream = connection.call(b"x" * 20)
    assert len(sent_message(connection, stream)) == 10

    connection.receive(frame(WINDOW_UPDATE, 0, stream, (7).to_bytes(4, "big")))
    assert len(sent_message(connection, stream)) == 7

    connection.receive(frame(WINDOW_UPDATE, 0, stream, (100).to_bytes(4, "big")))
    assert frames(connection.take_outgoing()) == [(DATA, END_STREAM, stream, b"x" * 8)]


def test_the_connections_window_is_shared_and_later_calls_do_not_overtake() -> None:
    connection = connected(window=2**20)
    large = connection.call(b"x" * 70_000)
    small = connection.call(b"y")
    out = frames(connection.take_outgoing())
    assert sum(len(payload) for kind, _, _, payload in out if kind == DATA) == 65_535
    assert not [stream for kind, _, stream, _ in out if kind == DATA and stream == small]

    connection.receive(frame(WINDOW_UPDATE, 0, 0, (10_000).to_bytes(4, "big")))
    assert [
        stream for kind, flags, stream, _ in frames(connection.take_outgoing()) if flags & END_STREAM
    ] == [
        large,
        small,
    ]


def test_messages_are_cut_to_the_largest_frame() -> None:
    connection = connected(window=2**20)
    connection.call(b"x" * 40_000)

    sizes = [len(payload) for kind, _, _, payload in frames(connection.take_outgoing()) if kind == DATA]

    assert sizes == [16_384, 16_384, 40_005 - 2 * 16_384]


def test_the_server_may_limit_how_many_calls_are_open() -> None:
    connection = connected(streams=2)
    stream = connection.call(b"")
    assert connection.has_room
    connection.call(b"")
    assert not connection.has_room

    connection.receive(answer(stream))
    assert connection.has_room


def test_a_server_going_away_refuses_the_calls_it_did_not_take() -> None:
    connection = connected()
    first, second = connection.call(b""), connection.call(b"")

    refused = connection.receive(frame(GOAWAY, 0, 0, first.to_bytes(4, "big") + bytes(4)))

    assert refused == [Reply(second, 14, "the server is going away", b"")]
    assert not connection.has_room
    assert connection.receive(answer(first)) == [Reply(first, 0, "", b"pong")]


@pytest.mark.parametrize(("code", "status"), [(7, 14), (8, 13)])
def test_a_reset_stream_ends_its_call(code: int, status: int) -> None:
    connection = connected()
    stream = connection.call(b"")

    (reply,) = connection.receive(frame(RST_STREAM, 0, stream, code.to_bytes(4, "big")))

    assert (reply.stream, reply.status) == (stream, status)


def test_pings_are_answered() -> None:
    connection = connected()
    connection.receive(frame(PING, 0, 0, b"12345678"))

    assert frames(connection.take_outgoing()) == [(PING, 0x1, 0, b"12345678")]


def test_a_cancelled_call_is_reset_and_its_late_reply_ignored() -> None:
    connection = connected()
    stream = connection.call(b"")
    connection.take_outgoing()

    connection.cancel(stream)

    assert frames(connection.take_outgoing()) == [(RST_STREAM, 0, stream, (8).to_bytes(4, "big"))]
    assert connection.receive(answer(stream)) == []


def test_a_success_without_a_message_is_an_error() -> None:
    connection = connected()
    stream = connection.call(b"")
    trailers = headers((":status", "200"), ("grpc-status", "0"))

    (reply,) = connection.receive(frame(HEADERS, END_HEADERS | END_STREAM, stream, trailers))

    assert reply.status == 13


def test_a_plain_http_server_is_recognised() -> None:
    with pytest.raises(ProtocolError, match="is this a gRPC port"):
        GrpcConnection("localhost", "/s/M", 1.0).receive(b"HTTP/1.1 400 Bad Request\r\n\r\n")
