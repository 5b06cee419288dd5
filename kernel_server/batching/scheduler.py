"""Which batch runs next: one pool of threads, shared fairly by all queues of all models."""

from __future__ import annotations

import asyncio
import os
import sys
import threading
from collections import deque
from contextlib import suppress
from queue import SimpleQueue
from time import perf_counter

from kernel_server.batching.batch import DRAIN, IDLE, Batch
from kernel_server.batching.hand_back import HandBack
from kernel_server.batching.model_batching import ModelBatchings
from kernel_server.batching.parameters import BatchingParameters, usable_cpus
from kernel_server.batching.queue import BatchQueue
from kernel_server.batching.quiet import QuietWatch
from kernel_server.core.servable import Runner, ServableId
from kernel_server.monitoring.statistics import QueueStatistics
from kernel_server.monitoring.totals import Totals


class BatchScheduler:
    """Takes requests on the event loop, runs their batches on worker threads.

    Queues take turns: each gets one batch onto a thread before any gets a second. A model never
    runs more batches at once than its ``num_batch_threads``; the pool is as large as the largest of
    these. All methods belong to the event loop's thread. ``batchings`` are the parameters in force.
    """

    def __init__(
        self, defaults: BatchingParameters, enabled: bool = True, totals: Totals | None = None
    ) -> None:
        self.loop = asyncio.get_running_loop()
        self._totals = totals or Totals()
        self.pool_name = defaults.thread_pool_name
        self.batchings = ModelBatchings(defaults, enabled)
        self._rotation: deque[BatchQueue] = deque()
        self._inbox: SimpleQueue[Batch | None] = SimpleQueue()
        self._threads: list[threading.Thread] = []
        self._hand_back: HandBack | None = None
        self._running = 0
        self._limit = defaults.num_batch_threads
        self._draining = False
        self._watcher: asyncio.Future[None] | None = None
        self._quiet_watch = QuietWatch(self.loop, self._is_any_due, self._went_quiet)

    def replace(self, name: str, parameters: BatchingParameters, enabled: bool = True) -> None:
        """Put ``parameters`` in force for one model and count a generation.

        Open batches leave as they are, so every batch runs under the parameters it was opened with.
        """
        for batching in self.batchings.replace(name, parameters, enabled):
            for queue in batching.queues:
                queue.close_open(DRAIN)
        self._limit = self.batchings.num_threads
        self._start_threads()
        self._pump()

    def add_queue(
        self, servable: ServableId, signature: str, runner: Runner, batchable: bool = True
    ) -> BatchQueue:
        """A new queue for one signature of one version, whose batches are run by ``runner``.

        Requests to a signature that is not ``batchable`` each run alone. Queues of one signature, which
        differ by output filter, share their statistics.
        """
        model = self.batchings.of_version(servable)
        same = (q.statistics for q in model.queues if (q.servable, q.signature) == (servable, signature))
        statistics = next(same, None) or QueueStatistics(servable.name, self._totals)
        queue = BatchQueue(self, model, servable, signature, runner, batchable, statistics)
        model.queues.append(queue)
        return queue

    def remove_queue(self, queue: BatchQueue) -> None:
        """Forget a queue whose version is being unloaded; it must be empty."""
        queue.model.queues.remove(queue)
        queue.statistics.retire()

    def offer(self, queue: BatchQueue) -> None:
        """``queue`` has one more request: send a batch off if one is due and there is room."""
        if not queue.in_rotation:
            queue.in_rotation = True
            self._rotation.append(queue)
        waits = queue.parameters.batch_timeout_micros and not queue.has_closed
        if waits and self._has_free_thread:
            self._quiet_watch.start()
        elif self._has_room_for(queue):
            self._pump()

    async def drain(self, timeout: float) -> int:
        """Send off what waits; return when all is answered, or after ``timeout`` seconds.

        Returns the number of requests that are still unanswered.
        """
        self._draining = True
        self._pump()
        try:
            async with asyncio.timeout(timeout):
                while self.in_flight:
                    await self._next_finish()
        except TimeoutError:
            pass
        return self.in_flight

    async def _next_finish(self) -> None:
        self._watcher = self.loop.create_future()
        await self._watcher

    @property
    def in_flight(self) -> int:
        """Requests taken and not answered, over all queues."""
        return sum(queue.in_flight for batching in self.batchings for queue in batching.queues)

    @property
    def idle(self) -> bool:
        """Whether no batch waits or runs."""
        return not self._running and not self._rotation

    def stop(self, timeout: float = 30.0) -> bool:
        """End the worker threads after the batches they have; call after :meth:`drain`.

        Returns whether all have ended within ``timeout`` seconds: a model may never return.
        """
        deadline = perf_counter() + timeout
        for _ in self._threads:
            self._inbox.put(None)
        for thread in self._threads:
            thread.join(max(0.0, deadline - perf_counter()))
        ended = not any(thread.is_alive() for thread in self._threads)
        if ended and self._hand_back is not None:
            self._hand_back.close()
            self._hand_back = None
        return ended

    @property
    def _has_free_thread(self) -> bool:
        return self._running < self._limit

    def _has_room_for(self, queue: BatchQueue) -> bool:
        """Whether a thread is free, or the next one will be and should serve a model that has none.

        Such a batch is there when the thread looks for one, so a model with few requests waits for one
        batch of a saturated neighbour, and not also for the loop to see to the answers of that batch.
        """
        model = queue.model
        if model.running >= model.parameters.num_batch_threads:
            return False
        may_be_next = self._running == self._limit >= len(self._threads)  # one that is idle would not wait
        return self._has_free_thread or (may_be_next and not model.running)

    def _pump(self, quiet: bool = False) -> None:
        """Give free threads what is due; with a ``quiet`` loop, everything that waits is."""
        misses = 0
        now = perf_counter()
        while self._rotation and self._running <= self._limit and misses < len(self._rotation):
            queue = self._rotation.popleft()
            misses = 0 if self._dispatch_from(queue, now, quiet) else misses + 1
            if queue.enqueued:
                self._rotation.append(queue)
            else:
                queue.in_rotation = False
        if self._rotation and self._has_free_thread:
            self._quiet_watch.start()

    def _dispatch_from(self, queue: BatchQueue, now: float, quiet: bool) -> bool:
        if not self._has_room_for(queue):
            return False
        if not queue.has_closed:
            self._close_what_is_due(queue, now, quiet)
        batch = queue.take()
        if batch is None:
            return False
        self._dispatch(batch)
        return True

    def _close_what_is_due(self, queue: BatchQueue, now: float, quiet: bool) -> None:
        """What no more requests are expected for; and while no thread is free, the rest may grow."""
        if self._draining:
            queue.close_open(DRAIN)
        elif queue.is_complete or (quiet and self._has_free_thread):
            queue.close_open(IDLE)
        elif self._has_free_thread:
            queue.close_overdue(now)

    def _is_any_due(self, now: float) -> bool:
        return any(queue.is_due(now) for queue in self._rotation)

    def _went_quiet(self, quiet: bool) -> bool:
        self._pump(quiet)
        return self._has_free_thread and any(queue.may_run for queue in self._rotation)

    def _dispatch(self, batch: Batch) -> None:
        queue = batch.queue
        queue.model.running += 1
        self._running += 1
        self._start_threads()
        self._inbox.put(batch)

    def _start_threads(self) -> None:
        """Have a thread for each batch that has been dispatched, as far as that is allowed."""
        while len(self._threads) < min(self._running, self._limit):
            if self._hand_back is None:
                self._hand_back = HandBack(self.loop, self._finished)
            name = f"{self.pool_name}-{len(self._threads)}"
            thread = threading.Thread(target=self._work, args=(self._hand_back,), name=name, daemon=True)
            self._threads.append(thread)
            thread.start()

    def _work(self, hand_back: HandBack) -> None:
        _leave_the_waker_running()
        while (batch := self._inbox.get()) is not None:
            batch.run()
            hand_back.put(batch)

    def _finished(self, batch: Batch) -> None:
        self._running -= 1
        batch.queue.model.running -= 1
        self._pump()
        batch.queue.finish(batch)
        if self._watcher is not None and not self._watcher.done():
            self._watcher.set_result(None)


def _leave_the_waker_running() -> None:
    """Have the calling thread not take the only processor from the loop when that wakes it.

    The loop then still has the interpreter's lock, which the thread would wait for. Where there are more, it
    runs on another one, and must not wait there for idle threads of a library that look for work. Sandboxes
    may forbid it.
    """
    if sys.platform == "linux" and usable_cpus() == 1:
        with suppress(OSError):
            if os.sched_getscheduler(0) == os.SCHED_OTHER:
                os.sched_setscheduler(0, os.SCHED_BATCH, os.sched_param(0))
