"""Opening the addresses that gRPC listens on."""

from __future__ import annotations

import socket
from pathlib import Path

import grpc

from kernel_server.errors import AlreadyExists, InvalidArgument

LONGEST_SOCKET_PATH = 107
"""Bytes that the operating system allows a Unix socket's path."""


class AddressInUse(AlreadyExists):
    """Something else listens there."""

    def __init__(self, flag: str, address: str) -> None:
        super().__init__(
            f"Cannot listen on {address}: it is in use by another process or not an address of this "
            f"machine. Stop what listens there, or give --{flag}=auto to let the system choose a port."
        )


class SocketPathTooLong(InvalidArgument):
    """The operating system cannot bind a socket with so long a path."""

    def __init__(self, path: Path) -> None:
        super().__init__(
            f"--grpc_socket_path={path} is longer than {LONGEST_SOCKET_PATH} bytes; use a shorter folder"
        )


def listen_tcp(
    server: grpc.aio.Server, host: str, port: int, credentials: grpc.ServerCredentials | None
) -> int:
    """Listen on a TCP port, 0 meaning any free one; return the port. Raises :class:`AddressInUse`."""
    address = f"{host}:{port}"
    try:
        bound = _add(server, address, credentials)
    except RuntimeError as error:
        raise AddressInUse("port", address) from error
    if not bound:
        raise AddressInUse("port", address)
    return bound


def listen_unix(server: grpc.aio.Server, path: Path, credentials: grpc.ServerCredentials | None) -> Path:
    """Listen on a Unix socket; return its absolute path.

    A socket that a dead process left behind is replaced. Raises :class:`AddressInUse` when a live
    one listens there, or :class:`SocketPathTooLong`.
    """
    path = path.absolute()
    if len(str(path).encode()) > LONGEST_SOCKET_PATH:
        raise SocketPathTooLong(path)
    if path.is_socket():
        if _answers(path):
            raise AddressInUse("grpc_socket_path", f"unix:{path}")
        path.unlink()
    try:
        _add(server, f"unix:{path}", credentials)
    except RuntimeError as error:
        raise AddressInUse("grpc_socket_path", f"unix:{path}") from error
    return path


def _add(server: grpc.aio.Server, address: str, credentials: grpc.ServerCredentials | None) -> int:
    if credentials is None:
        return server.add_insecure_port(address)
    return server.add_secure_port(address, credentials)


def _answers(path: Path) -> bool:
    with socket.socket(socket.AF_UNIX) as probe:
        try:
            probe.connect(str(path))
        except OSError:
            return False
    return True
