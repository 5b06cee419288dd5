"""Starting and ending server processes.

A server is always a fresh interpreter in a session of its own: nothing is forked from a kernel that may have
loaded TensorFlow, and an interrupt in the notebook does not reach it.
"""

from __future__ import annotations

import secrets
import subprocess
import threading
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from time import monotonic, sleep
from typing import Literal

import psutil

from workbench.configuration import Configuration
from workbench.control import STOP, Control
from workbench.errors import CommandNotFound, RequestFailed, ServerExited, StartFailed, StartTimedOut
from workbench.home import ServerFolder, write_private
from workbench.lifetime import owner_of
from workbench.logs import tail
from workbench.processes import ProcessId
from workbench.records import Record, read_record
from workbench.wire import control_pb2

PACKAGE = "kernel_server"
POLL_SECONDS = 0.05
SIGNAL_SECONDS = 5.0
"""How long a process gets to react before it is asked in a stronger way."""

EXIT_SECONDS = 20.0
"""How long a process may take to end that said it would: TensorFlow's own end is slow on a busy machine."""

ANSWER_SECONDS = 5.0
"""How long the answer to a stop request may take beyond the draining."""


@dataclass(frozen=True, slots=True)
class Launched:
    """A new process was started."""

    pid: int
    seconds: float
    target: str

    def __str__(self) -> str:
        return f"launched pid {self.pid} on {self.target} in {self.seconds:.1f} s"


@dataclass(frozen=True, slots=True)
class Reused:
    """A running server was taken over."""

    pid: int
    target: str

    since: str
    """When it started, ISO 8601 in UTC."""

    def __str__(self) -> str:
        return f"reusing pid {self.pid} on {self.target} since {self.since}"


@dataclass(frozen=True, slots=True)
class Stopped:
    """A server's process is gone and its record removed."""

    pid: int

    how: Literal["drained", "terminated", "killed", "already gone"]
    """By itself after answering what was in flight; by SIGTERM; by SIGKILL; before it was asked."""

    seconds: float

    def __str__(self) -> str:
        return f"pid {self.pid} {self.how} in {self.seconds:.1f} s"


def launch(configuration: Configuration, folder: ServerFolder, timeout: float) -> tuple[Record, Launched]:
    """Start a server and wait until it is ready. Call with ``folder`` locked.

    Raises :class:`ServerExited`, :class:`StartTimedOut` or :class:`CommandNotFound`; no process is left then.
    """
    start = monotonic()
    folder.remove_run()
    try:
        configuration.save(folder)
        write_private(folder.token, secrets.token_urlsafe(32))
        child, record = _start(_command(configuration, folder), folder, timeout)
    except BaseException:
        folder.remove_run()
        raise
    folder.token.unlink()
    # Collects the exit status whenever the end comes, so that no zombie stays behind.
    threading.Thread(target=child.wait, name=f"wait-{folder.name}", daemon=True).start()
    return record, Launched(child.pid, monotonic() - start, record.target)


def stop(record: Record, folder: ServerFolder, timeout: float) -> Stopped:
    """End a server: ask it to drain and stop, after ``timeout`` seconds terminate it, then kill it.

    Returns when the process is gone and its record removed.
    """
    start = monotonic()
    how: Literal["drained", "terminated", "killed", "already gone"] = "already gone"
    if record.process.alive:
        how = "drained" if _drained(record, timeout) else _end(record.process)
    left = read_record(folder.state)
    if left is None or left.process == record.process:
        folder.remove_run()
    return Stopped(record.pid, how, monotonic() - start)


def _command(configuration: Configuration, folder: ServerFolder) -> list[str]:
    flags = dict(_flags(configuration, folder)) | dict(configuration.flags)
    # -P keeps a file of the notebook's folder from standing in for a module of the server.
    return [
        configuration.python,
        "-P",
        "-m",
        PACKAGE,
        *(f"--{name}={value}" for name, value in flags.items()),
    ]


def _flags(configuration: Configuration, folder: ServerFolder) -> Iterator[tuple[str, str]]:
    yield "name", folder.name
    yield "state_file", str(folder.state)
    yield "token_file", str(folder.token)
    yield "log_file", str(folder.log)
    yield "fingerprint", configuration.fingerprint
    yield "host", "127.0.0.1"
    yield "grpc_socket_path", str(folder.socket)
    yield "port", "auto" if configuration.tcp else "0"
    yield "rest_api_port", "auto" if configuration.rest else "0"
    yield "model_config_file", str(folder.models)
    if configuration.batching is not None:
        yield "enable_batching", "true"
        yield "batching_parameters_file", str(folder.batching)
    yield "device", configuration.device
    # A person waits for the outcome; the default would try five times, a minute apart.
    yield "max_num_load_retries", "0"
    yield "lifetime", configuration.lifetime
    owner = owner_of(configuration.lifetime)
    if owner is not None:
        yield "owner_pid", str(owner.pid)
        yield "owner_start_time", repr(owner.start_time)
    yield "owner_timeout_seconds", repr(configuration.owner_timeout)
    yield "idle_timeout_seconds", repr(configuration.idle_timeout)


def _start(
    command: list[str], folder: ServerFolder, timeout: float
) -> tuple[subprocess.Popen[bytes], Record]:
    """A process that is ready; whatever is raised, an interrupt included, none is left."""
    child = _spawn(command, folder.log)
    try:
        return child, _wait_until_ready(child, folder, timeout)
    except BaseException:
        if child.poll() is None:
            _end(ProcessId.of(child.pid))
        child.wait()
        raise


def _spawn(command: list[str], log: Path) -> subprocess.Popen[bytes]:
    with log.open("wb") as output:
        try:
            return subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        except OSError as error:
            raise CommandNotFound(command[:4], str(error)) from error


def _wait_until_ready(child: subprocess.Popen[bytes], folder: ServerFolder, timeout: float) -> Record:
    deadline = monotonic() + timeout
    while True:
        record = read_record(folder.state)
        if record is not None:
            return record
        if child.poll() is not None:
            raise _exited(child.returncode, folder)
        if monotonic() > deadline:
            raise StartTimedOut(child.pid, timeout, tail(folder.log), folder.log)
        sleep(POLL_SECONDS)


def _exited(code: int, folder: ServerFolder) -> StartFailed:
    log_tail = tail(folder.log)
    if f"No module named {PACKAGE}" in log_tail:
        return CommandNotFound(("-m", PACKAGE), log_tail)
    return ServerExited(code, log_tail, folder.log)


def _drained(record: Record, timeout: float) -> bool:
    """Whether the server ended by itself when asked to."""
    try:
        with Control(record.target, record.token) as control:
            control.call(STOP, control_pb2.StopRequest(timeout_seconds=timeout), timeout + ANSWER_SECONDS)
    except RequestFailed:
        # It may have ended before its answer was out.
        return record.process.wait(SIGNAL_SECONDS)
    return record.process.wait(EXIT_SECONDS)


def _end(process: ProcessId) -> Literal["terminated", "killed"]:
    """End a process that did not end by itself."""
    found = process.find()
    if found is not None:
        with suppress(psutil.NoSuchProcess):
            found.terminate()
            if not process.wait(SIGNAL_SECONDS):
                found.kill()
                process.wait(SIGNAL_SECONDS)
                return "killed"
    return "terminated"
