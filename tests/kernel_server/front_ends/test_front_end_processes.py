"""A server whose gRPC port is served by processes of their own."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import grpc
import psutil
import pytest
from support.certificates import make_authority
from support.children import children_running
from support.servers import PATIENCE, Server, until
from support.stubs import Client

StartServer = Callable[..., Server]
UNAVAILABLE = grpc.StatusCode.UNAVAILABLE


def front_ends(server: Server) -> list[psutil.Process]:
    return children_running("kernel_server.front_ends", server.process.pid)


@pytest.fixture(scope="module")
def server(models: dict[str, Path], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """Two front ends."""
    flags = {"model_name": "half", "model_base_path": models["half"], "grpc_front_ends": 2}
    running = Server(tmp_path_factory.mktemp("front_ends"), enable_batching=True, **flags)
    yield running.wait_until_ready()
    running.close()


def test_every_caller_gets_its_own_answer(server: Server) -> None:
    assert len(front_ends(server)) == 2

    def ask(number: int) -> None:
        with grpc.insecure_channel(server.state["grpc_address"]) as channel:
            client = Client(channel)
            for row in range(50):
                value = 1000.0 * number + row
                assert client.predict("half", [value])["y"] == [value / 2 + 3]

    with ThreadPoolExecutor(8) as callers:
        list(callers.map(ask, range(8)))


def test_errors_and_other_services_come_through(server: Server) -> None:
    client = Client(server.channel())
    with pytest.raises(grpc.RpcError) as caught:
        client.predict("no such", [1.0])
    assert caught.value.code() is grpc.StatusCode.NOT_FOUND
    assert "Servable not found for request: Latest(no such)" in caught.value.details()
    assert client.status("half")[0][1] == "AVAILABLE"
    assert client.batching("half").generation == 1


def test_what_the_server_does_not_take_is_refused_and_the_rest_is_answered(server: Server) -> None:
    unlimited = [("grpc.max_send_message_length", -1)]
    with grpc.insecure_channel(server.state["grpc_address"], unlimited) as channel:
        assert Client(channel).predict("half", [2.0])["y"] == [4.0]
        predict = channel.unary_unary("/tensorflow.serving.PredictionService/Predict")
        os.kill(server.process.pid, signal.SIGSTOP)
        try:
            waiting = [predict.future(bytes(8 << 20), timeout=PATIENCE) for _ in range(16)]
            until(lambda: _is_refused(predict), "the front end is full")
        finally:
            os.kill(server.process.pid, signal.SIGCONT)
        assert {call.code() for call in waiting} <= {grpc.StatusCode.INVALID_ARGUMENT, UNAVAILABLE}
        assert Client(channel).predict("half", [2.0])["y"] == [4.0]


def _is_refused(predict: grpc.UnaryUnaryMultiCallable) -> bool:
    """Whether a small call is refused at once, rather than left to wait."""
    try:
        predict(b"", timeout=0.2)
    except grpc.RpcError as error:
        return error.code() is UNAVAILABLE and "does not keep up" in error.details()
    return False


def test_one_that_dies_is_replaced(server: Server) -> None:
    first, other = front_ends(server)
    first.kill()
    until(lambda: first not in front_ends(server) and len(front_ends(server)) == 2, "a new one is there")
    assert other in front_ends(server)
    for _ in range(10):  # whichever takes the connection
        with grpc.insecure_channel(server.state["grpc_address"]) as channel:
            assert Client(channel).predict("half", [2.0])["y"] == [4.0]
    assert "A front end ended with status -9; another one takes its place" in server.log


def test_with_tls_until_the_server_is_killed(
    start_server: StartServer, models: dict[str, Path], tmp_path: Path
) -> None:
    authority = make_authority(tmp_path)
    (tmp_path / "ssl.txt").write_text(authority.ssl_config(client_verify=False))
    flags = {"model_name": "half", "model_base_path": models["half"], "grpc_front_ends": 1}
    server = start_server(ssl_config_file=tmp_path / "ssl.txt", **flags).wait_until_ready()
    port = server.state["grpc_address"].rpartition(":")[2]
    credentials = grpc.ssl_channel_credentials(authority.certificate.read_bytes())
    assert Client(server.channel(credentials, f"localhost:{port}")).predict("half", [2.0])["y"] == [4.0]
    (front_end,) = front_ends(server)
    server.process.kill()
    server.wait()
    front_end.wait(PATIENCE)
    server.state_path.unlink()
