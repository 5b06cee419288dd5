"""How batches that worker threads have run come back to the event loop."""

from __future__ import annotations

import asyncio
import os
from collections import deque
from collections.abc import Callable

from kernel_server.batching.batch import Batch


class HandBack:
    """A pipe to the loop; belongs to its thread, but for :meth:`put`.

    ``call_soon_threadsafe`` wakes the loop while the caller still has the interpreter's lock. On one
    processor the loop runs at once, only to wait for the lock, and the processor goes to whoever is next: a
    thread that loads a model, perhaps. The lock is not held while a pipe is written to.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop, take: Callable[[Batch], None]) -> None:
        self._loop = loop
        self._take = take
        self._batches: deque[Batch] = deque()
        self._end, self._begin = os.pipe()
        loop.add_reader(self._end, self._receive)

    def put(self, batch: Batch) -> None:
        """Have the loop take ``batch``."""
        self._batches.append(batch)
        os.write(self._begin, b"\0")

    def _receive(self) -> None:
        os.read(self._end, 1)
        self._take(self._batches.popleft())

    def close(self) -> None:
        """Free the pipe; nobody may put anything more, and the loop takes what is on its way."""
        while self._batches:
            self._loop.call_soon(self._take, self._batches.popleft())
        self._loop.remove_reader(self._end)
        os.close(self._end)
        os.close(self._begin)
