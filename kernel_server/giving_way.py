"""Long work beside requests: it takes what they leave of the processor, and gets on where that is nothing.

Of threads that want one processor Linux lets each have its share, in turns of some milliseconds. So one of
somewhat lower priority than those that answer requests has its turn in the middle of a request now and then.
One that is only for idle processors hardly ever has, but next to none at all beside a saturated model. A
process may make its threads less important at any time, but without privileges never undo it.
"""

from __future__ import annotations

import ctypes
import os
import sys
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import suppress
from pathlib import Path
from typing import TypeVar

T = TypeVar("T")

_LOWER = 5
"""Added to the nice value: a third of the share of others."""

_LOOK_SECONDS = 20e-3
_FREE_SHARE, _STARVED_SHARE = 0.5, 0.05
_ROOM_MICROSECONDS = 10000

_sleep_with_lock = ctypes.PyDLL(None).usleep


def giving_way(work: Callable[[], T]) -> T:
    """Do ``work``, which must be a call of a library without the interpreter's lock, and return its result.

    It begins with a low priority, and goes on as work for an idle processor once it has found it idle. When
    nothing is left for it after that, all threads that need the interpreter's lock make room, a third of
    the time. Systems other than Linux know priorities of processes only, and do it like any other work.
    """
    if sys.platform != "linux":
        return work()
    worker = _Worker()
    with ThreadPoolExecutor(1, "giving-way", worker.begin) as thread:
        future = thread.submit(work)
        while not wait([future], _LOOK_SECONDS).done:
            worker.look()
        return future.result()


class _Worker:
    """The thread that does the work, as the one sees it that waits for it."""

    def __init__(self) -> None:
        self._id: int | None = None
        self._clock = 0
        self._idle_only = False
        self._seen = 0.0, 0.0

    def begin(self) -> None:
        """Called in the thread itself."""
        self._clock = time.pthread_getcpuclockid(threading.get_ident())
        self._seen = self._times()
        self._id = threading.get_native_id()
        with suppress(OSError):  # sandboxes may forbid it
            os.nice(_LOWER)  # of this thread alone, on Linux

    def look(self) -> None:
        """See how it has got on since the last time, and do what that asks for."""
        if self._id is None:
            return
        then, self._seen = self._seen, self._times()
        ran, passed = (now - before for now, before in zip(self._seen, then, strict=True))
        if not self._idle_only and ran > _FREE_SHARE * passed:
            self._idle_only = True
            with suppress(OSError):
                os.sched_setscheduler(self._id, os.SCHED_IDLE, os.sched_param(0))
        elif self._idle_only and ran < _STARVED_SHARE * passed and self._wants_to_run():
            _sleep_with_lock(_ROOM_MICROSECONDS)
            self._seen = self._times()

    def _times(self) -> tuple[float, float]:
        return time.clock_gettime(self._clock), time.monotonic()

    def _wants_to_run(self) -> bool:
        """Rather than wait for a disk, say; see ``proc_pid_stat(5)``. Sandboxes may be without."""
        with suppress(OSError):
            _, _, fields = Path(f"/proc/self/task/{self._id}/stat").read_text().rpartition(")")
            return fields.split()[0] == "R"
        return False
