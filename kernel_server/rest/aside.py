"""Work that would keep the event loop from everybody else."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")


def aside(work: Callable[[], T], done: Callable[[T | Exception], None]) -> None:
    """Do ``work`` on a worker thread; ``done`` is told on the loop what it returns or raises."""

    def tell(future: asyncio.Future[T]) -> None:
        if not future.cancelled():
            error = future.exception()
            done(error if isinstance(error, Exception) else future.result())

    asyncio.get_running_loop().run_in_executor(None, work).add_done_callback(tell)
