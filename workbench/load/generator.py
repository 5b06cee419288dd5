"""One run of load: connect, warm up, measure, wait for the stragglers, report."""

from __future__ import annotations

import gc
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

from workbench.load.arrivals import schedule
from workbench.load.caller import Caller, Outcome, clock
from workbench.load.check import Checker
from workbench.load.http2 import OK
from workbench.load.requests import RequestSet
from workbench.load.result import LoadResult, Progress
from workbench.load.sources import ClosedLoop, OpenLoop, Source
from workbench.load.spec import LoadSpec
from workbench.load.tally import Tally
from workbench.wire.proto_calls import PREDICT

_LEAD_SECONDS = 0.02
_DRAIN_SECONDS = 2.0
_GLANCE_SECONDS = 0.25


def generate(spec: LoadSpec, on_progress: Callable[[Progress], None] = lambda progress: None) -> LoadResult:
    """Run ``spec`` in this process and return what it found.

    Meant for a process of its own (``python -m workbench.load``): it keeps one core busy, and garbage
    collection off while it runs. Raises :class:`~workbench.load.caller.TargetUnreachable` when nothing
    answers at the start; later failures are counted, never raised.
    """
    requests = RequestSet.load(Path(spec.requests))
    metadata = [("authorization", f"Bearer {spec.token}")] if spec.token else []
    connections = min(spec.connections, spec.concurrency or spec.connections)
    caller = Caller(spec.target, PREDICT, connections=connections, deadline=spec.deadline, metadata=metadata)
    gc.disable()
    try:
        caller.connect()
        return _Run(spec, requests, caller, on_progress).run()
    finally:
        gc.enable()
        caller.close()


class _Run:
    """The state of one run."""

    def __init__(
        self, spec: LoadSpec, requests: RequestSet, caller: Caller, on_progress: Callable[[Progress], None]
    ):
        self._spec = spec
        self._bodies = requests.bodies
        self._caller = caller
        self._in_flight = 0
        self._chosen = 0
        self._start = clock() + _LEAD_SECONDS
        self._measure = self._start + spec.warmup
        self._end = self._measure + spec.duration
        self._tally = Tally(self._measure, self._end, Checker(requests, spec.tolerance), spec.slo_ms)
        self._source = _source(spec, self._start, self._end)
        self._glances = _Glances(self._start, self._measure, self._end, on_progress)

    def run(self) -> LoadResult:
        """Send until nothing is due any more, then wait a little for what is still unanswered."""
        cpu_before = time.process_time()
        while not self._source.finished():
            self._send_due()
            self._poll(min(self._source.next_at(), self._end))
        while self._in_flight and clock() < self._end + _DRAIN_SECONDS:
            self._poll(self._end + _DRAIN_SECONDS)
        self._tally.leave(self._caller.abandon())
        return self._tally.result(self._spec.mode, time.process_time() - cpu_before)

    def _send_due(self) -> None:
        for scheduled in self._source.due(clock()):
            if self._in_flight < self._spec.max_in_flight:
                self._send(scheduled)
            else:
                self._tally.skip(scheduled)

    def _send(self, scheduled: float) -> None:
        request = self._chosen
        sent = self._caller.send(self._bodies[request], request, scheduled)
        if sent is None:
            self._tally.skip(scheduled)
            return
        self._chosen = (request + 1) % len(self._bodies)
        self._in_flight += 1
        self._tally.send(scheduled, sent)

    def _poll(self, until: float) -> None:
        for outcome in self._caller.poll(min(until, self._glances.next_at)):
            self._in_flight -= 1
            self._tally.end(outcome)
            self._source.answered(outcome.received, outcome.status == OK)
            self._glances.note(outcome)
        self._glances.show(self._in_flight)


class _Glances:
    """Reports progress four times a second."""

    def __init__(self, start: float, measure: float, end: float, on_progress: Callable[[Progress], None]):
        self.next_at = start + _GLANCE_SECONDS
        self._start, self._measure, self._end = start, measure, end
        self._on_progress = on_progress
        self._completed = 0
        self._failed = 0
        self._latencies: list[float] = []

    def note(self, outcome: Outcome) -> None:
        if outcome.status == OK:
            self._completed += 1
            self._latencies.append(outcome.received - outcome.call.scheduled)
        else:
            self._failed += 1

    def show(self, in_flight: int) -> None:
        now = clock()
        if now < self.next_at:
            return
        seconds = now - self.next_at + _GLANCE_SECONDS
        p50, p99 = (
            (np.percentile(self._latencies, (50, 99)) * 1e3).tolist() if self._latencies else (None, None)
        )
        self._on_progress(
            Progress(
                phase="warm-up" if now < self._measure else "measure" if now < self._end else "drain",
                elapsed_s=now - self._start,
                total_s=self._end - self._start,
                completed=self._completed,
                failed=self._failed,
                in_flight=in_flight,
                rate=len(self._latencies) / seconds,
                p50_ms=p50,
                p99_ms=p99,
            )
        )
        self._latencies = []
        self.next_at = now + _GLANCE_SECONDS


def _source(spec: LoadSpec, start: float, end: float) -> Source:
    if spec.concurrency is not None:
        return ClosedLoop(start, end, spec.concurrency)
    assert spec.rate is not None
    return OpenLoop(start, schedule(spec.arrivals, spec.rate, end - start, spec.seed))
