"""Addresses to listen on, and what is said when one cannot be had."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from kernel_server.listening import AddressInUse, CannotListen, host_port
from kernel_server.rpc.addresses import LONGEST_SOCKET_PATH, SocketPathTooLong, listen_tcp, listen_unix


@pytest.fixture
def taken() -> Iterator[int]:
    """A port that somebody listens on."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield listener.getsockname()[1]


def test_ipv6_is_written_in_brackets() -> None:
    assert host_port("127.0.0.1", 1) == "127.0.0.1:1"
    assert host_port("::1", 1) == "[::1]:1"


class TestTcp:
    async def test_a_port_in_use(self, taken: int) -> None:
        with pytest.raises(AddressInUse, match=rf"127\.0\.0\.1:{taken}: it is in use.*--port=auto"):
            await listen_tcp(asyncio.Protocol, "127.0.0.1", taken, None)

    @pytest.mark.parametrize("host", ["192.0.2.1", "no.such.host.invalid"])
    async def test_a_host_that_is_not_this_machine(self, host: str) -> None:
        with pytest.raises(CannotListen, match=rf"Cannot listen on {host}:8500: .* Check --host and --port"):
            await listen_tcp(asyncio.Protocol, host, 8500, None)


class TestUnix:
    async def test_a_socket_that_nobody_listens_on_any_more_is_replaced(self, tmp_path: Path) -> None:
        path = tmp_path / "grpc.sock"
        with socket.socket(socket.AF_UNIX) as dead:
            dead.bind(str(path))
        listener = await listen_unix(asyncio.Protocol, path, None)
        with socket.socket(socket.AF_UNIX) as probe:
            probe.connect(str(path))
        listener.close()
        path.unlink(missing_ok=True)

    async def test_a_socket_that_somebody_listens_on_is_left_alone(self, tmp_path: Path) -> None:
        path = tmp_path / "grpc.sock"
        with socket.socket(socket.AF_UNIX) as live:
            live.bind(str(path))
            live.listen()
            with pytest.raises(AddressInUse, match=rf"unix:{path}: it is in use"):
                await listen_unix(asyncio.Protocol, path, None)
            assert path.is_socket()
        path.unlink()

    async def test_a_folder_that_does_not_exist(self, tmp_path: Path) -> None:
        with pytest.raises(CannotListen, match=r"No such file or directory.*--grpc_socket_path"):
            await listen_unix(asyncio.Protocol, tmp_path / "missing" / "grpc.sock", None)

    async def test_a_file_that_is_no_socket_is_not_touched(self, tmp_path: Path) -> None:
        path = tmp_path / "precious"
        path.write_text("data")
        with pytest.raises(AddressInUse):
            await listen_unix(asyncio.Protocol, path, None)
        assert path.read_text() == "data"

    async def test_a_path_that_no_system_can_bind(self, tmp_path: Path) -> None:
        with pytest.raises(SocketPathTooLong, match=f"is longer than {LONGEST_SOCKET_PATH} bytes"):
            await listen_unix(asyncio.Protocol, tmp_path / ("x" * 100) / "grpc.sock", None)
