"""A whole server process: what it leaves on disk, and the ways it ends."""

from __future__ import annotations

import socket
import stat
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import grpc
import psutil
from support.servers import Server, until
from support.stubs import TIMEOUT, Client, predict_request, refused

from kernel_server import __version__
from kernel_server.rpc import control_pb2 as pb

StartServer = Callable[..., Server]

ONE_SECOND_OR_SO = 300_000
"""Turns of the model ``spin``."""


def test_from_the_start_to_sigterm(
    start_server: StartServer, models: dict[str, Path], tmp_path: Path
) -> None:
    path = tmp_path / "g.sock"
    with socket.socket(socket.AF_UNIX) as dead:
        dead.bind(str(path))
    server = start_server(
        name="mine",
        model_name="spin",
        model_base_path=models["spin"],
        grpc_socket_path=path,
        rest_api_port="auto",
        enable_batching=True,
        log_file=tmp_path / "log",
        fingerprint="abc",
        idle_timeout_seconds=600,
    ).wait_until_ready()

    assert stat.S_IMODE(server.state_path.stat().st_mode) == 0o600
    state = server.state
    for where_and_when in ("grpc_address", "rest_address", "started_at"):
        assert state.pop(where_and_when)
    assert state == {
        "device": "cpu",
        "fingerprint": "abc",
        "grpc_socket": str(path),
        "idle_timeout_seconds": 600.0,
        "lifetime": "detached",
        "log_file": str(tmp_path / "log"),
        "models": {"spin": str(models["spin"])},
        "name": "mine",
        "owner": None,
        "owner_timeout_seconds": 60.0,
        "pid": server.process.pid,
        "python": sys.executable,
        "schema": 1,
        "start_time": psutil.Process(server.process.pid).create_time(),
        "token": None,
        "version": __version__,
    }
    assert Client(server.channel()).predict("spin", [0])["y"].tolist() == [0.0]

    client = Client(server.channel(address=f"unix:{path}"))
    calls = [client.start(predict_request("spin", [ONE_SECOND_OR_SO + n])) for n in range(3)]
    until(lambda: client.in_flight("spin") == 3, "all requests are in flight")
    assert not any(call.done() for call in calls)
    server.terminate()
    answers = [call.result().outputs["y"].float_val[0] for call in calls]
    assert answers == [ONE_SECOND_OR_SO, ONE_SECOND_OR_SO + 1, ONE_SECOND_OR_SO + 2]
    assert server.wait() == 0
    assert not server.state_path.exists()
    assert not path.exists()


def test_it_does_not_outlive_its_owner_even_if_a_model_never_returns(
    start_server: StartServer, models: dict[str, Path], owner: subprocess.Popen[bytes]
) -> None:
    server = start_server(
        model_name="gate",
        model_base_path=models["gate"],
        owner_pid=owner.pid,
        owner_start_time=psutil.Process(owner.pid).create_time(),
        owner_timeout_seconds=0.5,
        drain_timeout_seconds=0.5,
        lifetime="kernel",
    ).wait_until_ready()
    assert server.state["owner"]["pid"] == owner.pid
    client = Client(server.channel())
    call = client.start(predict_request("gate", [1]))
    until(lambda: client.in_flight("gate") == 1, "the request is in flight")
    drained = client.control.Drain(pb.DrainRequest(timeout_seconds=0.01), timeout=TIMEOUT)
    assert drained.abandoned == 1
    assert client.control.GetServerInfo(pb.GetServerInfoRequest(), timeout=TIMEOUT).state == "draining"
    with refused(grpc.StatusCode.UNAVAILABLE, "The server is draining before it stops"):
        client.predict("gate", [1])

    owner.kill()
    assert server.wait() == 0
    assert f"its owner, process {owner.pid}, ended and no other took over in 0.5 s" in server.log
    assert "1 requests were not answered within 0.5 s" in server.log
    assert call.exception() is not None
    assert not server.state_path.exists()


def test_a_second_server_on_the_same_port(start_server: StartServer, models: dict[str, Path]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        server = start_server(
            model_name="half", model_base_path=models["half"], port=port, monitoring_config_file="unread"
        )
        assert server.wait() == 255
    assert "warning: --monitoring_config_file has no effect without rest_api_port" in server.log
    assert server.log.splitlines()[-1] == (
        f"Failed to start server. Error: ALREADY_EXISTS: Cannot listen on 127.0.0.1:{port}: it is in use by "
        "another process. Stop what listens there, or give another --port; --port=auto lets the system "
        "choose a port."
    )
    assert not server.state_path.exists()
