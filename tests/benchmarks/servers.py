"""Server processes under test: started on their cores, checked, put to sleep, accounted for, stopped."""

from __future__ import annotations

import os
import signal
import subprocess
import time
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import grpc
import psutil
from benchmarks.requests import Request

T = TypeVar("T")

START_SECONDS = 180.0
"""What the slowest peer may take until it answers, while others start too."""

_STOP_SECONDS = 20.0
_LOG_LINES = 15


class ServerFailed(Exception):
    """A server ended, did not answer in time, or answered wrongly."""


@dataclass(frozen=True, slots=True)
class Target:
    """Where a request goes."""

    port: int
    request: Request

    def call(self, timeout: float = 60.0) -> bytes:
        """The reply to one call by an ordinary client; raises :class:`ServerFailed` if it is an error."""
        try:
            return self._call_grpc(timeout) if self.request.kind == "grpc" else self._post(timeout)
        except (grpc.RpcError, OSError) as error:
            reason = error.details() if isinstance(error, grpc.Call) else error
            raise ServerFailed(f"port {self.port} gives no answer: {reason}") from error

    def _call_grpc(self, timeout: float) -> bytes:
        with grpc.insecure_channel(f"127.0.0.1:{self.port}") as channel:
            method = channel.unary_unary(self.request.path, bytes, bytes)
            return bytes(method(self.request.body, timeout=timeout, wait_for_ready=True))

    def _post(self, timeout: float) -> bytes:
        url = f"http://127.0.0.1:{self.port}{self.request.path}"
        headers = {"content-type": "application/json"}
        request = urllib.request.Request(url, self.request.body or None, headers)
        with urllib.request.urlopen(request, timeout=timeout) as reply:
            return bytes(reply.read())


class Server:
    """A process and all its descendants; its files and its log go into ``folder``."""

    def __init__(self, name: str, command: Sequence[str], folder: Path, cores: str):
        self.name = name
        folder.mkdir(parents=True)
        self._log = folder / "log"
        with self._log.open("wb") as log:
            self._process = psutil.Popen(
                ["taskset", "-c", cores, *command],
                cwd=folder,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                env=os.environ | {"TF_CPP_MIN_LOG_LEVEL": "2"},
            )

    def wait_for(self, target: Target) -> bytes:
        """The first reply; raises :class:`ServerFailed` if there is none."""
        deadline = time.monotonic() + START_SECONDS
        while True:
            try:
                return target.call(timeout=5.0)
            except ServerFailed as error:
                if self._process.poll() is not None or time.monotonic() > deadline:
                    raise self.failure(f"does not start: {error}") from error
            time.sleep(0.2)

    def failure(self, what: str) -> ServerFailed:
        """An error that shows the end of the log."""
        lines = self._log.read_text(errors="replace").splitlines()[-_LOG_LINES:]
        return ServerFailed("\n".join([f"{self.name} {what}", *lines]))

    def cpu_seconds(self) -> float:
        """CPU time that all its processes have used."""
        return sum(times.user + times.system for times in self._of_each(psutil.Process.cpu_times))

    def resident_mb(self) -> float:
        """Memory of all its processes; what they share counts for each of them."""
        return sum(memory.rss for memory in self._of_each(psutil.Process.memory_info)) / 1e6

    def suspend(self) -> None:
        """Let it use no CPU at all until :meth:`resume`."""
        self._of_each(psutil.Process.suspend)

    def resume(self) -> None:
        """Go on as if nothing had been."""
        self._of_each(psutil.Process.resume)

    def close(self) -> None:
        """End all its processes."""
        with suppress(ServerFailed, psutil.NoSuchProcess):
            self.resume()
            tree = self._tree()
            self._process.terminate()
            _, alive = psutil.wait_procs(tree, _STOP_SECONDS)
            for process in alive:
                process.kill()
        with suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)

    def _tree(self) -> list[psutil.Process]:
        if self._process.poll() is not None:
            raise self.failure("has ended")
        return [self._process, *self._process.children(recursive=True)]

    def _of_each(self, method: Callable[[psutil.Process], T]) -> list[T]:
        """What it says of each process that has not just ended."""
        results = []
        for process in self._tree():
            with suppress(psutil.NoSuchProcess):
                results.append(method(process))
        return results


@contextmanager
def awake(server: Server) -> Iterator[Server]:
    """It runs inside the block and sleeps before and after."""
    server.resume()
    try:
        yield server
    finally:
        server.suspend()
