"""One end of a socket that carries one question at a time, and its answer."""

from __future__ import annotations

import contextlib
import socket
from collections.abc import Sequence
from io import BufferedReader
from typing import cast

from kernel_server.isolation.messages import Message, Piece, read

_AT_ONCE = 1 << 16
"""Bytes that are copied together to be sent, or received, in one call.

After each call a thread has to get the interpreter back, which takes longer than copying so much.
"""


class Connection:
    """Used by one thread at a time, except for :meth:`shut`."""

    def __init__(self, end: socket.socket) -> None:
        self._socket = end
        self._stream = cast(BufferedReader, end.makefile("rb", _AT_ONCE))

    def send(self, pieces: Sequence[Piece]) -> None:
        """Send a packed message; raises ``OSError`` when the other end is gone."""
        together = sum(map(len, pieces)) <= _AT_ONCE
        for piece in (b"".join(pieces),) if together else pieces:
            self._socket.sendall(piece)

    def receive(self) -> Message:
        """Wait for a message; raises what :func:`.messages.read` raises, and ``OSError``."""
        return read(self._stream)

    def shut(self) -> None:
        """Let whoever waits for a message find that the other end is gone."""
        with contextlib.suppress(OSError):  # it is shut already
            self._socket.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        """Give the socket back."""
        self._stream.close()
        self._socket.close()
