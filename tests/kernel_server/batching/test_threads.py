"""Which model has a thread next, what its threads are, and how they end."""

import asyncio
import os
import sys
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest
from support.batches import LONG, Doubler, occupy, scheduling, submit, until

from kernel_server.batching.parameters import BatchingParameters
from kernel_server.batching.scheduler import BatchScheduler
from kernel_server.core.servable import Array, ServableId

linux_only = pytest.mark.skipif(sys.platform != "linux", reason="threads have priorities on Linux alone")


async def test_models_take_turns_on_a_shared_thread() -> None:
    order: list[str] = []
    gate = threading.Event()

    def model(name: str):  # type: ignore[no-untyped-def]
        def run(inputs: Sequence[Array]) -> Sequence[Array]:
            gate.wait(30)
            order.append(name)
            return inputs

        return run

    async with scheduling(BatchingParameters(max_batch_size=1, num_batch_threads=1)) as scheduler:
        busy, calm = (
            scheduler.add_queue(ServableId("busy", 1), "serving_default", model("busy")),
            scheduler.add_queue(ServableId("calm", 1), "serving_default", model("calm")),
        )
        futures = [submit(busy, i) for i in range(6)]
        futures.append(submit(calm, 1.0))
        assert calm.model.running == 1, "it is there when the thread looks for a batch"
        gate.set()
        await asyncio.gather(*futures)
        assert order == ["busy", "calm", *["busy"] * 5]


async def test_a_batch_that_has_no_thread_grows_even_beyond_the_timeout() -> None:
    busy_model, model = Doubler(), Doubler()
    parameters = BatchingParameters(max_batch_size=8, batch_timeout_micros=1000, num_batch_threads=1)
    async with scheduling(parameters) as scheduler:
        busy = scheduler.add_queue(ServableId("busy", 1), "serving_default", busy_model)
        queue = scheduler.add_queue(ServableId("m", 1), "serving_default", model)
        first = await occupy(busy, busy_model)
        answers = [submit(queue, 1.0)]
        await asyncio.sleep(10 * parameters.batch_timeout)
        answers += [submit(queue, 2.0), submit(queue, 3.0)]
        busy_model.gate.set()
        await asyncio.gather(first, *answers)
        assert model.sizes == [3]


async def test_a_model_uses_no_more_threads_than_it_may() -> None:
    gate, running, most, lock = threading.Event(), 0, 0, threading.Lock()

    def run(inputs: Sequence[Array]) -> Sequence[Array]:
        nonlocal running, most
        with lock:
            running += 1
            most = max(most, running)
        gate.wait(30)
        with lock:
            running -= 1
        return inputs

    async with scheduling(BatchingParameters(max_batch_size=1, num_batch_threads=3)) as scheduler:
        scheduler.replace("narrow", BatchingParameters(max_batch_size=1, num_batch_threads=2))
        scheduler.replace("wide", BatchingParameters(max_batch_size=1, num_batch_threads=3))
        queue = scheduler.add_queue(ServableId("narrow", 1), "serving_default", run)
        futures = [submit(queue, i) for i in range(6)]
        await until(lambda: running == 2, "two batches to run")
        gate.set()
        await asyncio.gather(*futures)
        assert most == 2


async def test_more_threads_take_what_waits_for_the_only_one() -> None:
    parameters = BatchingParameters(max_batch_size=1, num_batch_threads=1)
    async with scheduling(parameters) as scheduler:
        busy, quiet = Doubler(), Doubler()
        held = scheduler.add_queue(ServableId("busy", 1), "s", busy)
        first = await occupy(held, busy)
        waiting = submit(scheduler.add_queue(ServableId("quiet", 1), "s", quiet), 1.0)
        await until(lambda: scheduler._running == 2, "a batch to be ready for the next thread")
        scheduler.replace("busy", BatchingParameters(num_batch_threads=2))
        (answer,) = await asyncio.wait_for(waiting, 10)
        assert answer.tolist() == [2.0]
        busy.gate.set()
        await first


async def test_threads_that_are_no_longer_allowed_take_nothing() -> None:
    two, one = (BatchingParameters(max_batch_size=1, num_batch_threads=number) for number in (2, 1))
    async with scheduling(two) as scheduler:
        models = [Doubler(), Doubler()]
        queues = [
            scheduler.add_queue(ServableId(name, 1), "s", model)
            for name, model in zip("ab", models, strict=True)
        ]
        held = [await occupy(queue, model) for queue, model in zip(queues, models, strict=True)]
        models[1].gate.set()
        await held[1]
        for name in "ab":
            scheduler.replace(name, one)
        waiting = submit(queues[1], 1.0)
        assert queues[1].enqueued == 1
        models[0].gate.set()
        await asyncio.gather(held[0], waiting)


async def test_draining_answers_everything() -> None:
    scheduler = BatchScheduler(BatchingParameters(batch_timeout_micros=LONG, num_batch_threads=1))
    model = Doubler()
    queue = scheduler.add_queue(ServableId("m", 1), "serving_default", model)
    first = await occupy(queue, model)
    futures = [submit(queue, i) for i in range(4)]
    model.gate.set()
    assert await scheduler.drain(30) == 0
    assert all(future.done() for future in [first, *futures])
    assert scheduler.stop()
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("batch_threads")]


async def test_a_model_that_never_returns_does_not_keep_the_scheduler() -> None:
    scheduler = BatchScheduler(BatchingParameters(num_batch_threads=1))
    model = Doubler()
    queue = scheduler.add_queue(ServableId("m", 1), "serving_default", model)
    await occupy(queue, model)
    assert await scheduler.drain(0.01) == 1
    assert not scheduler.stop(0.01)
    model.gate.set()
    assert await scheduler.drain(30) == 0
    assert scheduler.stop()


async def test_stopping_keeps_no_answer_back_and_no_file_open() -> None:
    files = Path("/proc/self/fd")
    before = len(list(files.iterdir())) if files.exists() else 0
    scheduler = BatchScheduler(BatchingParameters(num_batch_threads=1))
    answer = submit(scheduler.add_queue(ServableId("m", 1), "serving_default", Doubler()), 2.0)
    assert scheduler.stop()
    assert (await answer)[0].tolist() == [4.0]
    assert (len(list(files.iterdir())) if files.exists() else 0) == before


@pytest.fixture
def usable() -> Iterator[set[int]]:
    """The processors that this thread may use, as many again at the end."""
    processors = os.sched_getaffinity(0)
    yield processors
    os.sched_setaffinity(0, processors)


async def policy_of_a_batch() -> int:
    policies: list[int] = []

    def run(inputs: Sequence[Array]) -> Sequence[Array]:
        policies.append(os.sched_getscheduler(0))
        return inputs

    async with scheduling(BatchingParameters(num_batch_threads=1)) as scheduler:
        await submit(scheduler.add_queue(ServableId("m", 1), "serving_default", run), 1.0)
    return policies[0]


@linux_only
async def test_a_batch_leaves_the_only_processor_to_the_loop_that_sends_it(usable: set[int]) -> None:
    os.sched_setaffinity(0, {min(usable)})
    assert await policy_of_a_batch() == os.SCHED_BATCH


@linux_only
async def test_where_there_are_more_processors_a_batch_is_like_any_other_thread(usable: set[int]) -> None:
    if len(usable) == 1:
        pytest.skip("there is one processor")
    assert await policy_of_a_batch() == os.sched_getscheduler(0)
