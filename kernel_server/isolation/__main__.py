"""One version of a model as a process of its own, started by the server."""

from __future__ import annotations

import contextlib
import fcntl
import os
import signal
import socket
import sys
import threading
from pathlib import Path

from kernel_server import logs
from kernel_server.cli import parse
from kernel_server.core.servable import ServableId
from kernel_server.isolation.connection import Connection
from kernel_server.isolation.model import Model


def main() -> None:
    """Answer on every connection that comes over an inherited socket, for as long as the server lives."""
    link, platform, name, version, folder, *flags = sys.argv[1:]
    for number in (signal.SIGINT, signal.SIGTERM):  # a terminal sends these to the whole group
        signal.signal(number, signal.SIG_IGN)
    _end_with(sys.stdin.fileno())
    logs.to_stderr()
    model = Model(ServableId(name, int(version)), Path(folder), platform, parse(flags))
    _serve(socket.socket(fileno=int(link)), model)
    os._exit(0)  # whatever the model still does is of use to nobody


def _end_with(pipe: int) -> None:
    """Have the system end this process when nobody can write to ``pipe`` any more.

    It does so by a signal, which also ends a model that keeps the interpreter to itself.
    """
    fcntl.fcntl(pipe, fcntl.F_SETOWN, os.getpid())
    fcntl.fcntl(pipe, fcntl.F_SETFL, os.O_ASYNC)


def _serve(link: socket.socket, model: Model) -> None:
    while True:
        _, numbers, _, _ = socket.recv_fds(link, 1, 1)
        if not numbers:
            return
        os.set_inheritable(numbers[0], False)
        connection = Connection(socket.socket(fileno=numbers[0]))
        threading.Thread(target=_converse, args=(connection, model), daemon=True).start()


def _converse(connection: Connection, model: Model) -> None:
    with contextlib.closing(connection), contextlib.suppress(OSError, EOFError):
        while True:
            question, arrays, _ = connection.receive()
            connection.send(model.answer(question, arrays))


main()
