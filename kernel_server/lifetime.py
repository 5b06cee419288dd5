"""When a server ends without being told: its owner is gone, or nobody uses it."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass

import psutil

from kernel_server.errors import NotFound

_LOOK_SECONDS = 0.25
_SAME_START = 0.05
"""Start times of one process read on two occasions differ by less than this."""


@dataclass(frozen=True, slots=True)
class ProcessId:
    """A process, told apart from a later one with the same number by its start time (epoch seconds)."""

    pid: int
    start_time: float

    @classmethod
    def of(cls, pid: int) -> ProcessId:
        """The process that has ``pid`` now; raises ``NotFound``."""
        try:
            return cls(pid, psutil.Process(pid).create_time())
        except psutil.NoSuchProcess as error:
            raise NotFound(f"There is no process {pid}: it may have ended already") from error

    def alive(self) -> bool:
        """Whether that very process still runs; one that only waits to be reaped does not."""
        try:
            process = psutil.Process(self.pid)
            same = abs(process.create_time() - self.start_time) < _SAME_START
            return same and process.status() != psutil.STATUS_ZOMBIE
        except psutil.NoSuchProcess:
            return False


class Lifetime:
    """Watches the owner and the idle time.

    An owner that ends leaves ``owner_timeout`` seconds for another process to take the server over,
    which is what a restarted notebook kernel does. ``last_use`` tells, as ``time.monotonic()``, when the
    server was last in use: now, if it is.
    """

    def __init__(
        self,
        owner: ProcessId | None,
        owner_timeout: float,
        idle_timeout: float,
        last_use: Callable[[], float],
    ) -> None:
        self.owner = owner
        self.owner_timeout = owner_timeout
        self.idle_timeout = idle_timeout
        self._last_use = last_use
        self._used = time.monotonic()
        self._orphaned_since: float | None = None

    def hand_over(self, owner: ProcessId | None) -> None:
        """Let ``owner`` keep the server from now on; ``None`` lets it run without one."""
        self.owner = owner
        self._orphaned_since = None

    async def over(self) -> str:
        """Return, when the time has come, why the server should end."""
        while True:
            reason = self._reason()
            if reason is not None:
                return reason
            await asyncio.sleep(_LOOK_SECONDS)

    def _reason(self) -> str | None:
        now = time.monotonic()
        self._used = max(self._used, self._last_use())
        if self.owner is not None and self._orphaned(self.owner, now):
            return (
                f"its owner, process {self.owner.pid}, ended and no other "
                f"took over in {self.owner_timeout:g} s"
            )
        if self.idle_timeout and now - self._used >= self.idle_timeout:
            return f"no request came for {self.idle_timeout:g} s"
        return None

    def _orphaned(self, owner: ProcessId, now: float) -> bool:
        if owner.alive():
            self._orphaned_since = None
            return False
        if self._orphaned_since is None:
            self._orphaned_since = now
        return now - self._orphaned_since >= self.owner_timeout
