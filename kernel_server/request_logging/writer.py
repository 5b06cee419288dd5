"""The thread that writes logs, so that no request waits for a disk."""

from __future__ import annotations

import threading
from collections.abc import Callable
from queue import SimpleQueue

MOST_WAITING_BYTES = 64 << 20
"""Logs that wait may hold so much memory, by the size of their arrays; more are dropped."""

_OVERHEAD = 1024
"""Bytes that a waiting log takes in addition to its arrays: bounds the number of small ones."""


class Writer:
    """Does work in the order it is given, on one thread that starts with the first of it.

    Work must not raise.
    """

    def __init__(self, most_bytes: int = MOST_WAITING_BYTES) -> None:
        self._most_bytes = most_bytes
        self._lock = threading.Lock()
        self._waiting_bytes = 0
        self._work: SimpleQueue[tuple[Callable[[], None], int] | None] = SimpleQueue()
        self._thread: threading.Thread | None = None

    def offer(self, work: Callable[[], None], size: int | None = None) -> bool:
        """Do ``work``, which keeps ``size`` bytes of memory until then; false if too much waits already.

        Work without a size is always taken.
        """
        taken = 0 if size is None else size + _OVERHEAD
        with self._lock:
            if taken and self._waiting_bytes and self._waiting_bytes + taken > self._most_bytes:
                return False
            self._waiting_bytes += taken
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="request-log", daemon=True)
                self._thread.start()
            self._work.put((work, taken))
        return True

    def close(self, timeout: float) -> bool:
        """Finish what was offered; whether that was done in ``timeout`` seconds."""
        if self._thread is None:
            return True
        self._work.put(None)
        self._thread.join(timeout)
        return not self._thread.is_alive()

    def _run(self) -> None:
        while (item := self._work.get()) is not None:
            work, taken = item
            work()
            del work, item  # it keeps arrays alive
            with self._lock:
                self._waiting_bytes -= taken
