"""Ending without losing a request."""

from __future__ import annotations

import asyncio

from kernel_server.batching.scheduler import BatchScheduler
from kernel_server.handlers.models import Models


class DrainHandler:
    """Refuses what is new, finishes what is there; there is no way back."""

    def __init__(self, models: Models, scheduler: BatchScheduler) -> None:
        self.started = asyncio.Event()
        self._models = models
        self._scheduler = scheduler

    async def drain(self, timeout: float) -> int:
        """Return when every request taken so far is answered, or after ``timeout`` seconds.

        Returns the number of requests that are still unanswered.
        """
        self.started.set()
        self._models.draining = True
        return await self._scheduler.drain(timeout)
