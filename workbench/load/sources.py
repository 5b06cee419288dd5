"""Who decides when the next request is due: the clock (open loop) or the replies (closed loop)."""

from __future__ import annotations

import heapq
from collections.abc import Iterator
from typing import Protocol

from workbench.load.arrivals import Schedule
from workbench.load.caller import clock

_PAUSE_AFTER_ERROR = 0.01
"""Seconds. Callers that only hear refusals would otherwise measure how fast they can ask."""


class Source(Protocol):
    """Times are those of the monotonic clock."""

    def due(self, now: float) -> Iterator[float]:
        """The times, up to ``now``, at which a request should have left; each is given once.

        A closed loop has no such times: its callers' clocks start when they send.
        """

    def next_at(self) -> float:
        """When the next one is due as far as is known; infinity when nothing is."""

    def answered(self, now: float, succeeded: bool) -> None:
        """A request ended."""

    def finished(self) -> bool:
        """Whether no request will be due any more."""


class OpenLoop:
    """Follows a schedule whatever the server does: independent users."""

    def __init__(self, start: float, schedule: Schedule):
        self._times = (start + schedule).tolist()
        self._position = 0

    def due(self, now: float) -> Iterator[float]:
        """See :class:`Source`."""
        while not self.finished() and self._times[self._position] <= now:
            self._position += 1
            yield self._times[self._position - 1]

    def next_at(self) -> float:
        """See :class:`Source`."""
        return float("inf") if self.finished() else self._times[self._position]

    def answered(self, now: float, succeeded: bool) -> None:
        """See :class:`Source`; replies change nothing here."""

    def finished(self) -> bool:
        """See :class:`Source`."""
        return self._position == len(self._times)


class ClosedLoop:
    """``concurrency`` callers, each sending its next request when the last one is answered."""

    def __init__(self, start: float, end: float, concurrency: int):
        self._end = end
        self._ready = [start] * concurrency
        self._now = start

    def due(self, now: float) -> Iterator[float]:
        """See :class:`Source`."""
        self._now = now
        while self._ready and self._ready[0] <= now and not self.finished():
            heapq.heappop(self._ready)
            yield clock()

    def next_at(self) -> float:
        """See :class:`Source`."""
        return self._ready[0] if self._ready and not self.finished() else float("inf")

    def answered(self, now: float, succeeded: bool) -> None:
        """See :class:`Source`."""
        heapq.heappush(self._ready, now if succeeded else now + _PAUSE_AFTER_ERROR)

    def finished(self) -> bool:
        """See :class:`Source`."""
        return self._now >= self._end
