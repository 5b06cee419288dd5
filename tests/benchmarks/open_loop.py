"""Callers who do not wait for each other: requests leave on a schedule, whatever the server does.

``python -m benchmarks.open_loop`` reads an :class:`Arrivals` as JSON on standard input and prints
:data:`Figures`. It speaks any gRPC method through the connections of the workbench's own generator, so
that every peer meets the same client; latencies run from the time that a request was due.
"""

from __future__ import annotations

import base64
import gc
import json
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass

import numpy as np
from benchmarks.closed_loop import Figures
from benchmarks.requests import Request
from benchmarks.servers import ServerFailed

from workbench.load.arrivals import ARRIVALS, Schedule
from workbench.load.caller import Caller, Outcome, clock
from workbench.load.http2 import OK

_CONNECTIONS = 16
_LEAD_SECONDS = 0.05
_DEADLINE_SECONDS = 5.0


@dataclass(frozen=True, slots=True)
class Arrivals:
    """``rate`` requests a second for ``seconds`` after a warm-up, ``burst`` of them at the same time.

    ``process`` is one of :data:`~workbench.load.arrivals.ARRIVALS`; the bodies are taken in turn.
    """

    rate: float
    seconds: float
    warm_up: float = 1.0
    burst: int = 1
    process: str = "poisson"
    seed: int = 0

    def schedule(self) -> Schedule:
        """Times in seconds, ascending."""
        begin = ARRIVALS[self.process](self.rate / self.burst, self.warm_up + self.seconds, self.seed)
        return np.repeat(begin, self.burst)


class OpenLoop:
    """One run under way, in a process of its own on one core."""

    def __init__(self, port: int, requests: Sequence[Request], arrivals: Arrivals, *, core: int):
        spec = {
            "target": f"127.0.0.1:{port}",
            "path": requests[0].path,
            "bodies": [base64.b64encode(request.body).decode() for request in requests],
            "arrivals": asdict(arrivals),
        }
        command = ["taskset", "-c", str(core), sys.executable, "-m", "benchmarks.open_loop"]
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(spec))
        self._process.stdin.close()

    @property
    def over(self) -> bool:
        """Whether it has ended."""
        return self._process.poll() is not None

    def figures(self) -> Figures:
        """What it found, once it is over; raises :class:`ServerFailed` if that is nothing."""
        assert self._process.stdout is not None
        with self._process, self._process.stdout as output:
            text = output.read()
        if not text:
            raise ServerFailed("no callers of an open loop got an answer")
        figures: Figures = json.loads(text)
        return figures


def _run(target: str, path: str, bodies: Sequence[bytes], arrivals: Arrivals) -> Figures:
    caller = Caller(target, path, connections=_CONNECTIONS, deadline=_DEADLINE_SECONDS)
    gc.disable()
    try:
        caller.connect()
        start = clock() + _LEAD_SECONDS
        due = start + arrivals.schedule()
        outcomes = _send(caller, bodies, due)
    finally:
        caller.close()
    begin = start + arrivals.warm_up
    counted = [outcome for outcome in outcomes if outcome.call.scheduled >= begin]
    good = [outcome for outcome in counted if outcome.status == OK]
    if not good:
        sys.exit("none of the requests was answered")
    latencies = [outcome.received - outcome.call.scheduled for outcome in good]
    lags = [outcome.call.sent - outcome.call.scheduled for outcome in counted]
    return {
        "requests_per_s": len(good) / arrivals.seconds,
        "p50_ms": 1e3 * float(np.percentile(latencies, 50)),
        "p99_ms": 1e3 * float(np.percentile(latencies, 99)),
        "lag_p99_ms": 1e3 * float(np.percentile(lags, 99)),
        "lost_percent": 100 * (1 - len(good) / int(np.sum(due >= begin))),
    }


def _send(caller: Caller, bodies: Sequence[bytes], due: Schedule) -> list[Outcome]:
    """Send each when due, then wait for the rest; what no connection had room for is left out."""
    outcomes: list[Outcome] = []
    position = refused = 0
    while len(outcomes) + refused < len(due):
        now = clock()
        while position < len(due) and due[position] <= now:
            sent = caller.send(bodies[position % len(bodies)], position, due[position])
            refused += sent is None
            position += 1
        outcomes += caller.poll(due[position] if position < len(due) else now + _DEADLINE_SECONDS)
    return outcomes


def main() -> None:
    """Run what standard input says."""
    spec = json.load(sys.stdin)
    spec["bodies"] = [base64.b64decode(body) for body in spec["bodies"]]
    spec["arrivals"] = Arrivals(**spec["arrivals"])
    print(json.dumps(_run(**spec)))


if __name__ == "__main__":
    main()
