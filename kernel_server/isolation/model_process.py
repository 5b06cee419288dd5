"""The server's side of one process that runs one version."""

from __future__ import annotations

import signal
import socket
import sys
from collections.abc import Sequence
from pathlib import Path
from subprocess import PIPE, Popen
from threading import Timer
from typing import Any

import orjson

from kernel_server.core.servable import Array, ServableId
from kernel_server.core.signature import Signature
from kernel_server.errors import Unavailable, error_of
from kernel_server.isolation.connection import Connection
from kernel_server.isolation.messages import Message, packed
from kernel_server.isolation.signatures import signatures_of
from kernel_server.settings import Settings

_MOST_SECONDS_TO_CLOSE = 30.0
"""A version that never returns must not keep others from being unloaded."""


class ModelProcessEnded(Unavailable):
    """The process of a version is gone; ``status`` is its exit status, or a signal's number below zero."""

    def __init__(self, servable: ServableId, status: int) -> None:
        how = f"was ended by signal {-status} ({signal.strsignal(-status)})"
        super().__init__(
            f"The process of {servable} {how if status < 0 else f'ended with exit status {status}'}"
        )


class ModelProcess:
    """Runs from the time that it is made until it crashes or :meth:`end` is called.

    Each call has a connection to itself while it lasts; they are kept for further calls, so there are as
    many as there ever were calls at once. New ones go to the process over a socket of their own. Its
    standard input is a pipe to which nothing is written: it ends with the server, and so does the process.
    """

    def __init__(self, servable: ServableId, folder: Path, platform: str, settings: Settings) -> None:
        self._id = servable
        self._link, theirs = socket.socketpair()
        self._connections: list[Connection] = []
        self._free: list[Connection] = []
        model = platform, servable.name, servable.version, folder
        with theirs:
            command = [sys.executable, "-m", "kernel_server.isolation", theirs.fileno(), *model]
            self._process = Popen(
                [*map(str, command), *settings.flags()], stdin=PIPE, pass_fds=(theirs.fileno(),)
            )

    def load(self) -> dict[str, Signature]:
        """Load the version; raises what its loader raises."""
        return signatures_of(self.ask(question("load")))

    def close(self) -> None:
        """Let the servable give back what the end of a process does not.

        Raises what it raises, and :class:`ModelProcessEnded` when it takes too long.
        """
        limit = Timer(_MOST_SECONDS_TO_CLOSE, self._process.kill)
        limit.start()
        try:
            self.ask(question("close"))
        finally:
            limit.cancel()

    def ask(self, text: str, arrays: Sequence[Array] = ()) -> Message:
        """The answer to a question, from any thread.

        Raises the error that the process answers, or :class:`ModelProcessEnded`.
        """
        pieces = packed(Message(text, arrays))
        if (status := self._process.returncode) is not None:
            raise ModelProcessEnded(self._id, status)
        try:
            connection = self._take_connection()
            connection.send(pieces)
            answer = connection.receive()
        except Exception as error:  # whatever it takes to read what a broken process says
            self._process.kill()
            raise ModelProcessEnded(self._id, self._process.wait()) from error
        self._free.append(connection)
        if answer.code:
            raise error_of(answer.code, answer.text)
        return answer

    def wait(self) -> ModelProcessEnded:
        """Return when the process has ended and every call knows it."""
        status = self._process.wait()
        for connection in self._connections:  # processes that it has started may hold the other ends
            connection.shut()
        return ModelProcessEnded(self._id, status)

    def end(self) -> None:
        """End the process, if it runs; no call may be left."""
        with self._process:  # closes the pipe
            self._process.kill()
        self.wait()
        self._link.close()
        for connection in self._connections:
            connection.close()

    def _take_connection(self) -> Connection:
        try:
            return self._free.pop()
        except IndexError:
            ours, theirs = socket.socketpair()
        connection = Connection(ours)
        self._connections.append(connection)
        with theirs:
            socket.send_fds(self._link, [b"\0"], [theirs.fileno()])
        return connection


def question(method: str, *arguments: Any) -> str:
    """The text of a question: a method of the version's servable, or ``load``."""
    return orjson.dumps((method, *arguments)).decode()
