"""Opening the addresses that gRPC listens on."""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import Callable
from pathlib import Path

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


Factory = Callable[[], asyncio.Protocol]
"""Makes the protocol of a new connection."""

_BACKLOG = 1024


async def listen_tcp(connect: Factory, host: str, port: int, tls: ssl.SSLContext | None) -> asyncio.Server:
    """Listen on a TCP port, 0 meaning any free one. Raises :class:`AddressInUse`."""
    loop = asyncio.get_running_loop()
    try:
        return await loop.create_server(connect, host, port, ssl=tls, backlog=_BACKLOG)
    except OSError as error:
        raise AddressInUse("port", f"{host}:{port}") from error


async def listen_unix(connect: Factory, path: Path, tls: ssl.SSLContext | None) -> asyncio.Server:
    """Listen on a Unix socket with an absolute path.

    A socket that a dead process left behind is replaced. Raises :class:`AddressInUse` when a live
    one listens there, or :class:`SocketPathTooLong`.
    """
    if len(str(path).encode()) > LONGEST_SOCKET_PATH:
        raise SocketPathTooLong(path)
    if path.is_socket():
        if _answers(path):
            raise AddressInUse("grpc_socket_path", f"unix:{path}")
        path.unlink()
    loop = asyncio.get_running_loop()
    try:
        return await loop.create_unix_server(connect, str(path), ssl=tls, backlog=_BACKLOG)
    except OSError as error:
        raise AddressInUse("grpc_socket_path", f"unix:{path}") from error


def _answers(path: Path) -> bool:
    with socket.socket(socket.AF_UNIX) as probe:
        try:
            probe.connect(str(path))
        except OSError:
            return False
    return True
