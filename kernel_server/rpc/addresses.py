"""Opening the addresses that gRPC listens on."""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import Callable
from pathlib import Path

from kernel_server.errors import InvalidArgument
from kernel_server.listening import AddressInUse, host_port, listening_failed

LONGEST_SOCKET_PATH = 107
"""Bytes that the operating system allows a Unix socket's path."""


class SocketPathTooLong(InvalidArgument):
    """The operating system cannot bind a socket with so long a path."""

    def __init__(self, path: Path) -> None:
        super().__init__(
            f"--grpc_socket_path={path} is longer than {LONGEST_SOCKET_PATH} bytes; use a shorter folder"
        )


Factory = Callable[[], asyncio.Protocol]
"""Makes the protocol of a new connection."""

FLAG = "grpc_socket_path"
_BACKLOG = 1024


async def listen_tcp(connect: Factory, host: str, port: int, tls: ssl.SSLContext | None) -> asyncio.Server:
    """Listen on a TCP port, 0 meaning any free one. Raises the errors of :mod:`kernel_server.listening`."""
    loop = asyncio.get_running_loop()
    try:
        return await loop.create_server(connect, host, port, ssl=tls, backlog=_BACKLOG)
    except OSError as error:
        raise listening_failed("port", host_port(host, port), error) from error


def bind_tcp(host: str, port: int) -> socket.socket:
    """A bound socket, as :func:`listen_tcp` would listen on, for other processes to accept from."""
    try:
        family, _, _, _, address = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        return socket.create_server(address[:2], family=family, backlog=_BACKLOG)
    except OSError as error:
        raise listening_failed("port", host_port(host, port), error) from error


async def listen_unix(connect: Factory, path: Path, tls: ssl.SSLContext | None) -> asyncio.Server:
    """Listen on a Unix socket with an absolute path.

    A socket that a dead process left behind is replaced. Raises ``AddressInUse`` when a live one
    listens there, ``CannotListen`` or :class:`SocketPathTooLong`.
    """
    if len(str(path).encode()) > LONGEST_SOCKET_PATH:
        raise SocketPathTooLong(path)
    if path.is_socket():
        if _answers(path):
            raise AddressInUse(FLAG, f"unix:{path}")
        path.unlink()
    loop = asyncio.get_running_loop()
    try:
        return await loop.create_unix_server(connect, str(path), ssl=tls, backlog=_BACKLOG)
    except OSError as error:
        raise listening_failed(FLAG, f"unix:{path}", error) from error


def _answers(path: Path) -> bool:
    with socket.socket(socket.AF_UNIX) as probe:
        try:
            probe.connect(str(path))
        except OSError:
            return False
    return True
