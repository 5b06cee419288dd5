"""Requests whose client goes away: none stays in a queue, and none keeps its version from being unloaded."""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterator
from pathlib import Path

import grpc
import pytest
from hyperframe.frame import DataFrame, RstStreamFrame
from support.raw_client import RawClient, prefixed, request_headers
from support.servers import Server, until
from support.stubs import TIMEOUT, Client, model_config, predict_request

PREDICT = request_headers("/tensorflow.serving.PredictionService/Predict")
REQUEST = prefixed(predict_request("gate", [1]).SerializeToString())
STREAMS = range(1, 21, 2)

Leave = Callable[[RawClient], None]


def reset_streams(raw: RawClient) -> None:
    raw.send(*[RstStreamFrame(stream, error_code=8) for stream in STREAMS])


def close(raw: RawClient) -> None:
    raw.socket.close()


def half_close(raw: RawClient) -> None:
    raw.socket.shutdown(socket.SHUT_WR)


def break_off(raw: RawClient) -> None:
    raw.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\0\0\0\0\0\0\0")
    raw.socket.close()


def break_the_protocol(raw: RawClient) -> None:
    raw.send(b"\xff" * 9)


def send_more(raw: RawClient) -> None:
    raw.send(*[DataFrame(stream, REQUEST, flags=["END_STREAM"]) for stream in STREAMS])


@pytest.fixture(scope="module")
def closed_gate(
    models: dict[str, Path], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[Server, Client]]:
    """A server whose one thread is held inside the model ``gate``; at the end the model must unload."""
    server = Server(
        tmp_path_factory.mktemp("gate"),
        model_name="gate",
        model_base_path=models["gate"],
        enable_batching=True,
    )
    try:
        client = Client(server.wait_until_ready().channel())
        client.replace_batching("gate", max_batch_size=1, num_batch_threads=1, max_enqueued_batches=1000)
        inside = client.start(predict_request("gate", [0]))
        until(lambda: client.in_flight("gate") == 1, "the thread is inside")
        yield server, client
        client.replace_batching("gate", num_batch_threads=2)
        client.predict("gate", [1], signature="release")
        assert inside.result().outputs["y"].float_val == [0]
        client.reload(model_config("half", models["half"]))
        until(lambda: client.status("gate") == [(1, "END", "")], "the model is unloaded")
    finally:
        server.close()


@pytest.mark.parametrize(
    "leave",
    [reset_streams, close, half_close, break_off, break_the_protocol, send_more],
    ids=lambda f: f.__name__,
)
def test_waiting_requests(closed_gate: tuple[Server, Client], leave: Leave) -> None:
    server, client = closed_gate
    host, port = server.state["grpc_address"].rsplit(":", 1)
    with RawClient((host, int(port))) as raw:
        for stream in STREAMS:
            raw.send(raw.headers(stream, fields=PREDICT), DataFrame(stream, REQUEST, flags=["END_STREAM"]))
        raw.send(raw.headers(101, fields=PREDICT), DataFrame(101, REQUEST[:-1]))
        until(lambda: client.in_flight("gate") == 1 + len(STREAMS), "all requests but the last one wait")
        leave(raw)
        until(lambda: client.in_flight("gate") == 1, "no request waits any more")


def test_requests_whose_deadline_passes(closed_gate: tuple[Server, Client]) -> None:
    server, client = closed_gate
    with grpc.insecure_channel(server.state["grpc_address"]) as channel:
        own = Client(channel)
        calls = [own.start(predict_request("gate", [1]), timeout=0.2) for _ in range(20)]
        assert {call.code() for call in calls} == {grpc.StatusCode.DEADLINE_EXCEEDED}
        until(lambda: client.in_flight("gate") == 1, "no request waits any more")


def test_requests_cancelled_at_the_moment_they_are_sent(closed_gate: tuple[Server, Client]) -> None:
    server, client = closed_gate
    with grpc.insecure_channel(server.state["grpc_address"]) as channel:
        own = Client(channel)
        for _ in range(200):
            own.start(predict_request("gate", [1]), timeout=TIMEOUT).cancel()
        until(lambda: client.in_flight("gate") == 1, "no request waits any more")
