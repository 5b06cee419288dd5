"""Callers that wait for an answer before they ask again: h2load, which costs little of the machine.

Every connection has one request in flight and replays the same bytes. A gRPC error is an HTTP success too: it
shows as a reply shorter than an ordinary client's.
"""

from __future__ import annotations

import re
import subprocess
import tempfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from benchmarks.servers import Server, ServerFailed, Target
from numpy.typing import NDArray

Figures = dict[str, float]
"""Measured values by name; names end in their unit."""

_TOLERATED_SHARE = 0.01
_GRPC_HEADERS = ("-H", "content-type: application/grpc", "-H", "te: trailers")
_JSON_HEADERS = ("--h1", "-H", "content-type: application/json")


class H2Load:
    """One run under way, for some ``seconds`` or for a ``count`` of requests."""

    def __init__(
        self,
        target: Target,
        callers: int,
        *,
        core: int,
        seconds: int | None = None,
        count: int = 0,
        nice: int = 0,
    ):
        self._target, self._files = target, tempfile.TemporaryDirectory()
        self._log = Path(self._files.name, "log")
        body = Path(self._files.name, "body")
        body.write_bytes(target.request.framed)
        self._reply_bytes = len(target.call())
        grpc = target.request.kind == "grpc"
        command = ["taskset", "-c", str(core), "nice", f"-n{nice}", "h2load", "-t1", "-m1", f"-c{callers}"]
        command += ["-D", str(seconds)] if seconds else ["-n", str(count)]
        command += ["-d", str(body), f"--log-file={self._log}", *(_GRPC_HEADERS if grpc else _JSON_HEADERS)]
        command.append(f"http://127.0.0.1:{target.port}{target.request.path}")
        self._process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)

    def latencies_ms(self) -> NDArray[np.float64]:
        """Of every reply, once the run is over; raises :class:`ServerFailed` when replies were errors."""
        try:
            assert self._process.stdout is not None
            output = self._process.stdout.read()
            counts = re.search(r"(\d+) done, (\d+) succeeded", output)
            if counts is None or not self._log.exists():
                raise ServerFailed(f"h2load says:\n{output[-2000:]}")
            done, good = map(int, counts.groups())
            if self._target.request.kind == "grpc":
                received = re.search(r"\((\d+)\) data", output)
                assert received is not None
                good = min(good, int(received[1]) // self._reply_bytes)
            if done == 0 or good < (1 - _TOLERATED_SHARE) * done:
                raise ServerFailed(f"{done} replies, {done - good} of them errors")
            return np.loadtxt(self._log, usecols=2, ndmin=1) / 1e3
        finally:
            self.stop()

    def stop(self) -> None:
        """End the run early, unless it is over."""
        with self._process:
            self._process.kill()
        self._files.cleanup()


def closed_loop(
    server: Server, targets: Sequence[Target], callers: int, *, seconds: int, core: int
) -> Figures:
    """``callers`` at each target at once; what the server did for them, after a second of warm-up."""
    for phase in (1, seconds):
        before = server.cpu_seconds()
        runs = [H2Load(target, callers, core=core, seconds=phase) for target in targets]
        latencies = np.concatenate([run.latencies_ms() for run in runs])
        used = server.cpu_seconds() - before
    return {
        "requests_per_s": len(latencies) / seconds,
        "p50_ms": float(np.percentile(latencies, 50)),
        "p99_ms": float(np.percentile(latencies, 99)),
        "cpu_us": 1e6 * used / len(latencies),
    }
