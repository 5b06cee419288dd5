"""Whose request is decoded next: models take turns, so that a saturated one keeps no other waiting."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Hashable
from time import perf_counter

Work = Callable[[], None]

SLICE_SECONDS = 0.2e-3
"""How long requests are worked on before the loop sees to sockets and finished batches again."""


class Turns:
    """Spreads the work on requests over turns of the event loop, and deals it out evenly.

    What fits into a slice of the present turn is done at once. The rest waits, one queue for each ``group``
    that it is taken for; in the next turns every group has one piece done before any has a second.
    """

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._waiting: dict[Hashable, deque[Work]] = {}
        self._scheduled = False
        self._until = 0.0

    def take(self, group: Hashable, work: Work) -> None:
        """Do ``work``, which must not raise: now, or when ``group`` has its turn."""
        if not self._scheduled:
            self._scheduled = True
            self._until = perf_counter() + SLICE_SECONDS
            self._loop.call_soon(self._turn)
            work()
        elif not self._waiting and perf_counter() < self._until:
            work()
        elif (queue := self._waiting.get(group)) is not None:
            queue.append(work)
        else:
            self._waiting[group] = deque((work,))

    def _turn(self) -> None:
        self._until = perf_counter() + SLICE_SECONDS
        waiting = self._waiting
        while waiting and perf_counter() < self._until:
            group = next(iter(waiting))
            queue = waiting.pop(group)
            work = queue.popleft()
            if queue:
                waiting[group] = queue
            work()
        self._scheduled = bool(waiting)
        if waiting:
            self._loop.call_soon(self._turn)
