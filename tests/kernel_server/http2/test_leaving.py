"""How a connection ends in order: what runs is answered, what comes new is not taken."""

from __future__ import annotations

import grpc
import pytest
from hyperframe.frame import DataFrame, GoAwayFrame, PingFrame
from support.loop_server import ECHO, HOLD, LENGTH, LoopServer, Small
from support.raw_client import RawClient, prefixed, request_headers
from support.servers import until
from support.stubs import TIMEOUT

from kernel_server.http2.frames import ErrorCode

HELD = request_headers(HOLD)


def test_calls_in_progress_end_and_new_ones_are_refused(
    raw: RawClient, server: LoopServer, small: Small
) -> None:
    raw.send(raw.headers(1, fields=HELD), raw.data(1), raw.headers(3, fields=request_headers(LENGTH)))
    until(lambda: len(small.held) == 1, "the call has begun")
    server.leave()
    assert raw.next(GoAwayFrame).last_stream_id == 3
    raw.send(raw.headers(5), raw.data(5))
    assert raw.reset_code(5) == ErrorCode.REFUSED_STREAM
    raw.send(raw.data(3, b"upload"))
    assert raw.next(DataFrame, 3).data == prefixed(b"6")
    server.run(lambda: small.held[0].reply(b"at last"))
    assert raw.next(DataFrame, 1).data == prefixed(b"at last")
    assert GoAwayFrame not in map(type, raw.frames())


def test_an_idle_connection_is_closed(raw: RawClient, server: LoopServer) -> None:
    raw.send(PingFrame(0, b"12345678"))
    raw.next(PingFrame)
    server.leave()
    assert raw.farewell() == (ErrorCode.NO_ERROR, "")


@pytest.mark.parametrize("reset", [True, False])
def test_the_last_call_may_be_given_up(raw: RawClient, server: LoopServer, small: Small, reset: bool) -> None:
    raw.send(raw.headers(1, fields=HELD), raw.data(1))
    until(lambda: len(small.held) == 1, "the call has begun")
    server.leave()
    server.leave()
    if reset:
        raw.send(b"\0\0\4\3\0\0\0\0\1\0\0\0\x08")
        assert raw.farewell()[0] == ErrorCode.NO_ERROR
    else:
        raw.socket.close()
    until(lambda: small.given_up == small.held, "the call is given up once")


def test_grpcio_connects_again(server: LoopServer, small: Small) -> None:
    """A channel to which the server says farewell loses no call."""
    with grpc.insecure_channel(server.target) as channel:
        held = channel.unary_unary(HOLD).future(b"", timeout=TIMEOUT)
        until(lambda: len(small.held) == 1, "the call has begun")
        server.leave()
        assert channel.unary_unary(ECHO)(b"x", timeout=TIMEOUT, wait_for_ready=True) == b"x"
        server.run(lambda: small.held[0].reply(b"at last"))
        assert held.result() == b"at last"
