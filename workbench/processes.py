"""Processes told apart for good: a pid alone is reused, a pid with its start time is not."""

from __future__ import annotations

from dataclasses import dataclass
from time import monotonic, sleep

import psutil

POLL_SECONDS = 0.02

CLOCK_TOLERANCE = 2.0
"""Seconds. Start times are computed from the boot time, which moves when the clock is corrected."""


@dataclass(frozen=True, slots=True)
class ProcessId:
    """One process of this machine: ``start_time`` is in seconds since the epoch."""

    pid: int
    start_time: float

    @classmethod
    def of(cls, pid: int | None = None) -> ProcessId:
        """The identity of a running process, by default of this one.

        Raises ``psutil.NoSuchProcess`` when there is none with that pid.
        """
        process = psutil.Process(pid)
        return cls(process.pid, process.create_time())

    def find(self) -> psutil.Process | None:
        """A handle to the process, or ``None`` when it is over (a zombie is over)."""
        try:
            process = psutil.Process(self.pid)
            same = abs(process.create_time() - self.start_time) < CLOCK_TOLERANCE
            return process if same and process.status() != psutil.STATUS_ZOMBIE else None
        except psutil.NoSuchProcess:
            return None

    @property
    def alive(self) -> bool:
        """Whether the process is still running."""
        return self.find() is not None

    def wait(self, timeout: float) -> bool:
        """Whether the process is over before ``timeout`` seconds are."""
        deadline = monotonic() + timeout
        while self.alive:
            if monotonic() > deadline:
                return False
            sleep(POLL_SECONDS)
        return True
