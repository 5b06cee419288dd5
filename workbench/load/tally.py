"""Counts what becomes of every request of a run."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from workbench.load.caller import Call, Outcome
from workbench.load.check import Checker, Finding
from workbench.load.histogram import LatencyHistogram
from workbench.load.http2 import OK
from workbench.load.result import LoadResult, Window
from workbench.load.status import name_of

_WINDOWS = 10


class Tally:
    """The account of the requests due between ``begin`` and ``end``; what was due earlier only warms up."""

    def __init__(self, begin: float, end: float, checker: Checker, slo_ms: float | None):
        self._begin, self._end = begin, end
        self._checker = checker
        self._slo = float("inf") if slo_ms is None else slo_ms / 1e3
        self._skipped = 0
        self._sent = 0
        self._unfinished = 0
        self._completed = 0
        self._completed_in_slo = 0
        self._errors: Counter[str] = Counter()
        self._messages: dict[str, str] = {}
        self._versions: Counter[int] = Counter()
        self._findings: Counter[Finding] = Counter()
        self._latency = LatencyHistogram()
        self._lag = LatencyHistogram()
        self._windows = [LatencyHistogram() for _ in range(_WINDOWS)]

    def skip(self, scheduled: float) -> None:
        """A request was due, but too many were already in flight."""
        self._skipped += self._measures(scheduled)

    def send(self, scheduled: float, sent: float) -> None:
        """A request left."""
        if self._measures(scheduled):
            self._sent += 1
            self._lag.record(sent - scheduled)

    def end(self, outcome: Outcome) -> None:
        """A call ended."""
        if outcome.status == OK:
            self._succeed(outcome)
        elif self._measures(outcome.call.scheduled):
            code = name_of(outcome.status)
            self._errors[code] += 1
            self._messages.setdefault(code, outcome.message)

    def leave(self, calls: Iterable[Call]) -> None:
        """The run is over and these calls were given up."""
        self._unfinished += sum(self._measures(call.scheduled) for call in calls)

    def result(self, mode: str, generator_cpu_s: float) -> LoadResult:
        """The account so far."""
        return LoadResult(
            mode=mode,
            duration_s=self._end - self._begin,
            due=self._sent + self._skipped,
            sent=self._sent,
            skipped=self._skipped,
            succeeded=self._latency.count,
            unfinished=self._unfinished,
            completed=self._completed,
            completed_in_slo=self._completed_in_slo,
            errors=dict(self._errors),
            error_messages=self._messages,
            latency=self._latency.encode(),
            latency_from_send=LatencyHistogram.merged(self._windows).encode(),
            send_lag=self._lag.encode(),
            windows=tuple(self._window(number) for number in range(_WINDOWS)),
            versions=dict(self._versions),
            checked=self._findings.total() - self._findings[Finding.UNCHECKED],
            misrouted=self._findings[Finding.MISROUTED],
            generator_cpu_s=generator_cpu_s,
        )

    def _measures(self, scheduled: float) -> bool:
        return self._begin <= scheduled < self._end

    def _succeed(self, outcome: Outcome) -> None:
        call = outcome.call
        latency = outcome.received - call.scheduled
        if self._measures(outcome.received):
            self._completed += 1
            self._completed_in_slo += latency <= self._slo
        if self._measures(call.scheduled):
            self._latency.record(latency)
            self._windows[self._window_of(call.scheduled)].record(outcome.received - call.sent)
            version, finding = self._checker.examine(call.request, outcome.body)
            self._versions[version] += 1
            self._findings[finding] += 1

    def _window_of(self, scheduled: float) -> int:
        return min(int((scheduled - self._begin) / (self._end - self._begin) * _WINDOWS), _WINDOWS - 1)

    def _window(self, number: int) -> Window:
        histogram = self._windows[number]
        start = (self._end - self._begin) * number / _WINDOWS
        return Window(start, histogram.count, histogram.percentile_ms(50), histogram.percentile_ms(99))
