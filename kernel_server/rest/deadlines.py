"""Time limits of calls."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from time import monotonic

Late = Callable[[], None]


class Deadlines:
    """Tells what has not ended ``seconds`` after it began; all may take equally long.

    So they end in the order in which they began, and one timer serves them all: one for each costs ten
    times as much.
    """

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._due: dict[Late, float] = {}
        self._timer: asyncio.TimerHandle | None = None

    def add(self, late: Late) -> float:
        """Call ``late`` when the time is over; returns that moment, a reading of ``time.monotonic()``."""
        due = self._due[late] = monotonic() + self._seconds
        if self._timer is None:
            self._wake_after(self._seconds)
        return due

    def remove(self, late: Late) -> None:
        """It has ended."""
        self._due.pop(late, None)

    def _wake_after(self, seconds: float) -> None:
        self._timer = asyncio.get_running_loop().call_later(seconds, self._wake)

    def _wake(self) -> None:
        self._timer = None
        now = monotonic()
        for late, due in list(self._due.items()):
            if due > now:
                self._wake_after(due - now)
                return
            if self._due.pop(late, None) is not None:
                late()
