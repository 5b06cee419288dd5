"""A scheduler over models that are numpy functions, and requests to it."""

import asyncio
import threading
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from functools import partial
from time import monotonic

import numpy as np

from kernel_server.batching.parameters import BatchingParameters
from kernel_server.batching.queue import BatchQueue
from kernel_server.batching.scheduler import BatchScheduler
from kernel_server.core.servable import Array
from kernel_server.errors import InvalidArgument, ServingError
from kernel_server.monitoring.timing import TimingRecord

Answer = asyncio.Future[Sequence[Array]]

LONG = 60_000_000
"""A timeout, in microseconds, that no test lives to see."""


class Doubler:
    """A model: answers twice its input, remembers the sizes it ran, and can be held at a gate."""

    def __init__(self) -> None:
        self.sizes: list[int] = []
        self.gate = threading.Event()
        self.gate.set()

    def __call__(self, inputs: Sequence[Array]) -> Sequence[Array]:
        self.gate.wait(30)
        (x,) = inputs
        self.sizes.append(x.shape[0])
        if np.any(x == -1):
            raise InvalidArgument("the model refuses -1")
        return [x * 2]


@asynccontextmanager
async def scheduling(parameters: BatchingParameters, enabled: bool = True) -> AsyncIterator[BatchScheduler]:
    scheduler = BatchScheduler(parameters, enabled)
    try:
        yield scheduler
    finally:
        await scheduler.drain(30)
        scheduler.stop()


def rows(*values: float) -> Array:
    return np.array(values, np.float32)


def send(
    queue: BatchQueue,
    inputs: Sequence[Array],
    deadline: float | None = None,
    record: TimingRecord | None = None,
) -> Answer:
    """Submit a request; the future takes over what its callback is told."""
    answer: Answer = queue._scheduler.loop.create_future()

    def done(outcome: Sequence[Array] | ServingError) -> None:
        if isinstance(outcome, ServingError):
            answer.set_exception(outcome)
        else:
            answer.set_result(outcome)

    task = queue.submit(inputs, deadline, record or TimingRecord(), done)
    answer.give_up = partial(queue.abandon, task)  # type: ignore[attr-defined]
    return answer


def submit(queue: BatchQueue, *values: float, deadline: float | None = None) -> Answer:
    return send(queue, [rows(*values)], deadline)


async def until(condition: object, what: str) -> None:
    deadline = monotonic() + 20
    while not condition():  # type: ignore[operator]
        assert monotonic() < deadline, f"timed out waiting for {what}"
        await asyncio.sleep(0.001)


async def occupy(queue: BatchQueue, model: Doubler) -> Answer:
    """Hold the only thread inside the model, so that what follows must queue."""
    model.gate.clear()
    first = submit(queue, 0.0)
    await until(lambda: queue.model.running == 1, "the thread to be busy")
    return first
