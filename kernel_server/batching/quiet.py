"""Notices when the event loop has nothing left to do, so that waiting for more requests is in vain.

A loop turn with nothing to do takes a microsecond or two; one in which a request arrives or an answer
leaves takes ten times that. So a batch that still has room is held back only while turns are busy:
requests that are on their way join it, and a lone client, whose next request depends on this answer,
waits for a moment that it cannot notice. Timers could not do this: those of event loops count
milliseconds. The core is not yielded meanwhile: on a busy machine it would be gone for milliseconds.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from time import perf_counter

BUSY_TURN = 10e-6
"""Seconds from which on a turn had something to do."""

QUIET_SECONDS = 40e-6
"""How long turns must be idle: a client that has just been answered takes about as long to ask again."""


class QuietWatch:
    """Calls back once per watch when the loop has gone quiet, or when ``due`` says it is time anyway."""

    def __init__(
        self, loop: asyncio.AbstractEventLoop, due: Callable[[float], bool], then: Callable[[bool], bool]
    ) -> None:
        """``then`` is told whether the loop was quiet and returns whether to watch on."""
        self._loop = loop
        self._due = due
        self._then = then
        self._watching = False
        self._turn_began = 0.0
        self._quiet_since = 0.0

    def start(self) -> None:
        """Watch from now on; does nothing while watching."""
        if not self._watching:
            self._watching = True
            self._turn_began = self._quiet_since = perf_counter()
            self._loop.call_soon(self._turn)

    def _turn(self) -> None:
        now = perf_counter()
        if now - self._turn_began > BUSY_TURN:
            self._quiet_since = now
        quiet = now - self._quiet_since > QUIET_SECONDS
        if (quiet or self._due(now)) and not self._then(quiet):
            self._watching = False
            return
        self._turn_began = perf_counter()
        self._loop.call_soon(self._turn)
