"""How many requests to expect: the number that was recently in flight at once.

A batch that already holds every request in flight cannot grow by waiting: each client waits for an
answer first. So the scheduler learns how many were in flight, sends a batch off as soon as that
many are gathered, and a lone client never pays the batching timeout.
"""

from __future__ import annotations

OBSERVATIONS_PER_WINDOW = 32


class ConcurrencyEstimate:
    """The largest number of requests in flight over the last one to two windows of batches.

    A peak rather than a mean, because closed-loop clients come back one by one after a batch: the
    count just before the last one arrives is always short. A wait that ended in the timeout proves
    the peak outdated, and the estimate drops to what was there.
    """

    __slots__ = ("_current", "_left", "_previous")

    def __init__(self) -> None:
        self._current = 1
        self._previous = 1
        self._left = OBSERVATIONS_PER_WINDOW

    @property
    def expected(self) -> int:
        """Requests that are likely to be in flight when all clients have sent theirs."""
        return max(self._current, self._previous)

    def observe(self, in_flight: int) -> None:
        """A batch leaves while ``in_flight`` requests, itself included, are unanswered."""
        self._current = max(self._current, in_flight)
        self._left -= 1
        if not self._left:
            self._previous, self._current = self._current, in_flight
            self._left = OBSERVATIONS_PER_WINDOW

    def waited_in_vain(self, in_flight: int) -> None:
        """The timeout passed and only ``in_flight`` requests had come."""
        self._current = self._previous = in_flight
        self._left = OBSERVATIONS_PER_WINDOW
