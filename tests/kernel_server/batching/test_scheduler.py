"""Batches form, leave and are handed out as the parameters say; the models are numpy functions."""

import asyncio
from collections.abc import Sequence
from time import monotonic, perf_counter

import numpy as np
import pytest
from support.batches import LONG, Answer, Doubler, occupy, rows, scheduling, send, submit

from kernel_server.batching.batch import DRAIN, FULL, IDLE, TIMEOUT
from kernel_server.batching.errors import (
    ExpiredInQueue,
    NotBatchable,
    QueueFull,
    QueueLacksRoom,
    TaskTooLarge,
)
from kernel_server.batching.parameters import BatchingParameters
from kernel_server.batching.quiet import BUSY_TURN
from kernel_server.core.servable import Array, ServableId
from kernel_server.errors import Cancelled, Internal, InvalidArgument, ServingError
from kernel_server.monitoring.timing import TimingRecord


async def test_a_lone_request_does_not_wait_for_the_timeout() -> None:
    async with scheduling(BatchingParameters(batch_timeout_micros=LONG)) as scheduler:
        queue = scheduler.add_queue(ServableId("m", 1), "serving_default", Doubler())
        (answer,) = await asyncio.wait_for(submit(queue, 3.0), 10)
        assert answer.tolist() == [6.0]
        assert queue.statistics.close_reasons == {IDLE: 1}


async def test_every_caller_gets_its_own_rows() -> None:
    model = Doubler()
    async with scheduling(BatchingParameters(max_batch_size=8, num_batch_threads=1)) as scheduler:
        queue = scheduler.add_queue(ServableId("m", 1), "serving_default", model)
        first = await occupy(queue, model)
        futures = [submit(queue, i, i + 0.5) for i in range(1, 5)]
        model.gate.set()
        await first
        for i, future in enumerate(futures, 1):
            assert (await future)[0].tolist() == [2 * i, 2 * i + 1]
        assert model.sizes == [1, 8]
        assert queue.statistics.close_reasons[FULL] == 1
        assert (queue.statistics.rows, queue.statistics.outcomes.succeeded) == (9, 5)


async def work_in_every_turn(until: asyncio.Event) -> None:
    """Keep the event loop as busy as arriving requests do."""
    while not until.is_set():
        began = perf_counter()
        while perf_counter() - began < 5 * BUSY_TURN:
            pass
        await asyncio.sleep(0)


async def test_a_busy_loop_holds_a_batch_back_and_no_longer_than_the_timeout() -> None:
    async with scheduling(BatchingParameters(batch_timeout_micros=20_000)) as scheduler:
        queue = scheduler.add_queue(ServableId("m", 1), "serving_default", Doubler())
        answered = asyncio.Event()
        busy = asyncio.create_task(work_in_every_turn(answered))
        await submit(queue, 1.0)
        answered.set()
        await busy
        assert queue.statistics.close_reasons == {TIMEOUT: 1}


async def test_the_only_client_never_waits_once_it_is_known_to_be_the_only_one() -> None:
    async with scheduling(BatchingParameters(batch_timeout_micros=LONG)) as scheduler:
        queue = scheduler.add_queue(ServableId("m", 1), "serving_default", Doubler())
        await submit(queue, 1.0)
        answered = asyncio.Event()
        busy = asyncio.create_task(work_in_every_turn(answered))
        await asyncio.wait_for(submit(queue, 2.0), 20)
        answered.set()
        await busy


async def test_company_is_waited_for_again_after_it_has_come_once() -> None:
    async with scheduling(BatchingParameters(batch_timeout_micros=20_000)) as scheduler:
        queue = scheduler.add_queue(ServableId("m", 1), "serving_default", Doubler())
        await submit(queue, 1.0)
        await asyncio.gather(submit(queue, 2.0), submit(queue, 3.0))
        answered = asyncio.Event()
        busy = asyncio.create_task(work_in_every_turn(answered))
        await submit(queue, 4.0)
        answered.set()
        await busy
        assert queue.statistics.close_reasons[TIMEOUT] == 1


async def test_requests_that_arrive_turn_by_turn_share_a_batch() -> None:
    model = Doubler()
    async with scheduling(BatchingParameters(batch_timeout_micros=LONG)) as scheduler:
        queue = scheduler.add_queue(ServableId("m", 1), "serving_default", model)
        arrived = asyncio.Event()
        busy = asyncio.create_task(work_in_every_turn(arrived))
        futures = []
        for i in range(5):
            futures.append(submit(queue, i))
            await asyncio.sleep(0)
        arrived.set()
        await asyncio.gather(busy, *futures)
        assert model.sizes == [5]
        assert queue.statistics.close_reasons == {IDLE: 1}


async def test_batches_are_padded_to_allowed_sizes() -> None:
    model = Doubler()
    parameters = BatchingParameters(max_batch_size=8, allowed_batch_sizes=(4, 8), num_batch_threads=1)
    async with scheduling(parameters) as scheduler:
        queue = scheduler.add_queue(ServableId("m", 1), "serving_default", model)
        assert (await submit(queue, 1.0, 2.0, 3.0))[0].tolist() == [2.0, 4.0, 6.0]
        assert model.sizes == [4]
        assert (queue.statistics.rows, queue.statistics.executed_rows) == (3, 4)


async def test_unequal_rows_share_a_batch_only_when_padding_is_on() -> None:
    for pad, sizes in ((False, [1, 1, 1]), (True, [1, 2])):
        model = Doubler()
        parameters = BatchingParameters(num_batch_threads=1, pad_variable_length_inputs=pad)
        async with scheduling(parameters) as scheduler:
            queue = scheduler.add_queue(ServableId("m", 1), "serving_default", model)
            first = await occupy(queue, model)
            wide = send(queue, [np.array([[5.0, 6.0]])])
            narrow = send(queue, [np.array([[7.0]])])
            model.gate.set()
            await first
            assert (await wide)[0].tolist() == [[10.0, 12.0]]
            assert (await narrow)[0].tolist() == ([[14.0, 14.0]] if pad else [[14.0]])
            assert model.sizes == sizes


async def test_large_requests_are_split_and_put_together_again() -> None:
    parameters = BatchingParameters(
        max_batch_size=100, max_execution_batch_size=4, enable_large_batch_splitting=True, num_batch_threads=2
    )
    model = Doubler()
    async with scheduling(parameters) as scheduler:
        queue = scheduler.add_queue(ServableId("m", 1), "serving_default", model)
        values = np.arange(11, dtype=np.float32)
        (answer,) = await send(queue, [values])
        assert answer.tolist() == (values * 2).tolist()
        assert sorted(model.sizes) == [3, 4, 4]
        assert queue.in_flight == 0


async def test_what_does_not_fit_is_refused_and_the_rest_still_served() -> None:
    model = Doubler()
    parameters = BatchingParameters(max_batch_size=2, max_enqueued_batches=1, num_batch_threads=1)
    async with scheduling(parameters) as scheduler:
        queue = scheduler.add_queue(ServableId("m", 1), "serving_default", model)
        with pytest.raises(TaskTooLarge, match="Task size 3 is larger than maximum input batch size 2"):
            submit(queue, 1.0, 2.0, 3.0)
        first = await occupy(queue, model)
        waiting = submit(queue, 1.0, 2.0)
        with pytest.raises(QueueFull, match="currently 1 batches enqueued and max_enqueued_batches is 1"):
            submit(queue, 3.0)
        model.gate.set()
        await first
        assert (await waiting)[0].tolist() == [2.0, 4.0]
        assert queue.statistics.outcomes.shed == 2


async def test_a_split_request_without_room_is_refused() -> None:
    parameters = BatchingParameters(
        max_batch_size=100,
        max_execution_batch_size=2,
        enable_large_batch_splitting=True,
        max_enqueued_batches=1,
    )
    async with scheduling(parameters) as scheduler:
        queue = scheduler.add_queue(ServableId("m", 1), "serving_default", Doubler())
        with pytest.raises(QueueLacksRoom, match="task size is 5 but scheduling capacity is only 2"):
            submit(queue, 1.0, 2.0, 3.0, 4.0, 5.0)


@pytest.mark.parametrize(
    ("inputs", "message"),
    [
        ([], "at least one input tensor"),
        ([np.float32(1)], "at least one dimension"),
        ([np.zeros(2), np.zeros(3)], "equal 0th-dimension size: found 2 and 3"),
    ],
)
async def test_inputs_without_a_common_number_of_rows_are_refused(inputs: list[Array], message: str) -> None:
    async with scheduling(BatchingParameters()) as scheduler:
        queue = scheduler.add_queue(ServableId("m", 1), "serving_default", Doubler())
        with pytest.raises(NotBatchable, match=message):
            send(queue, [np.asarray(array) for array in inputs])


async def test_one_bad_request_spoils_no_other() -> None:
    model = Doubler()
    async with scheduling(BatchingParameters(num_batch_threads=1)) as scheduler:
        queue = scheduler.add_queue(ServableId("m", 1), "serving_default", model)
        first = await occupy(queue, model)
        good, bad = submit(queue, 4.0), submit(queue, -1.0)
        model.gate.set()
        await first
        assert (await good)[0].tolist() == [8.0]
        with pytest.raises(InvalidArgument, match="refuses -1"):
            await bad
        assert (queue.statistics.outcomes.succeeded, queue.statistics.outcomes.failed) == (2, 1)


async def test_a_plug_in_that_raises_anything_does_not_stop_the_worker() -> None:
    def broken(inputs: Sequence[Array]) -> Sequence[Array]:
        raise ZeroDivisionError("oops")

    async with scheduling(BatchingParameters(num_batch_threads=1)) as scheduler:
        queue = scheduler.add_queue(ServableId("m", 1), "serving_default", broken)
        for _ in range(2):
            with pytest.raises(Exception, match="ZeroDivisionError while running the model: oops"):
                await submit(queue, 1.0)


async def test_cancelled_and_expired_requests_cost_no_compute() -> None:
    model = Doubler()
    async with scheduling(BatchingParameters(num_batch_threads=1)) as scheduler:
        queue = scheduler.add_queue(ServableId("m", 1), "serving_default", model)
        first = await occupy(queue, model)
        gone = submit(queue, 1.0)
        gone.give_up()  # type: ignore[attr-defined]
        late = submit(queue, 2.0, deadline=monotonic() - 1)
        kept = submit(queue, 3.0)
        model.gate.set()
        await first
        with pytest.raises(ExpiredInQueue, match="timeout exceeded while waiting in batching queue"):
            await late
        with pytest.raises(Cancelled):
            await gone
        assert (await kept)[0].tolist() == [6.0]
        assert model.sizes == [1, 1]
        assert (queue.statistics.outcomes.cancelled, queue.statistics.outcomes.shed) == (1, 1)
        assert queue.in_flight == 0


async def test_parameters_are_replaced_while_requests_wait_and_none_is_lost() -> None:
    model = Doubler()
    async with scheduling(BatchingParameters(max_batch_size=100, num_batch_threads=1)) as scheduler:
        queue = scheduler.add_queue(ServableId("m", 1), "serving_default", model)
        first = await occupy(queue, model)
        before = [submit(queue, i) for i in range(3)]
        scheduler.replace("m", BatchingParameters(max_batch_size=2, num_batch_threads=1))
        records = [TimingRecord() for _ in range(2)]
        after = [send(queue, [rows(i)], None, record) for i, record in enumerate(records)]
        model.gate.set()
        await asyncio.gather(first, *before, *after)
        assert model.sizes == [1, 3, 2]
        assert [record.generation for record in records] == [2, 2]
        assert queue.statistics.close_reasons[DRAIN] == 1


async def test_without_batching_every_request_runs_alone() -> None:
    model = Doubler()
    async with scheduling(BatchingParameters(num_batch_threads=1), enabled=False) as scheduler:
        queue = scheduler.add_queue(ServableId("m", 1), "serving_default", model)
        first = await occupy(queue, model)
        rest = [submit(queue, 1.0, 2.0) for _ in range(30)]
        model.gate.set()
        await asyncio.gather(first, *rest)
        assert model.sizes == [1, *[2] * 30]


async def test_several_requests_in_one_piece_count_as_many_and_fill_batches() -> None:
    parameters = BatchingParameters(max_batch_size=4, max_enqueued_batches=10, num_batch_threads=1)
    async with scheduling(parameters) as scheduler:
        model = Doubler()
        queue = scheduler.add_queue(ServableId("m", 1), "s", model)
        first = await occupy(queue, model)
        told: Answer = scheduler.loop.create_future()
        queue.submit([rows(*range(10))], None, TimingRecord(), told.set_result, 5)
        assert (queue.in_flight, queue.enqueued) == (6, 3)
        with pytest.raises(TaskTooLarge, match="Task size 5 is larger"):
            queue.submit([rows(*range(25))], None, TimingRecord(), told.set_result, 5)
        model.gate.set()
        (answer,) = await told
        assert answer.tolist() == [2.0 * row for row in range(10)]
        await first
        assert (model.sizes, queue.in_flight) == ([1, 4, 4, 2], 0)
        assert (queue.statistics.outcomes.succeeded, queue.statistics.outcomes.shed) == (6, 0)


async def test_statistics_split_the_time_of_a_request() -> None:
    async with scheduling(BatchingParameters()) as scheduler:
        queue = scheduler.add_queue(ServableId("m", 1), "serving_default", Doubler())
        record = TimingRecord()
        await send(queue, [rows(1.0)], None, record)
        record.replied()
        stages = queue.statistics.stage_micros
        assert {name: int(histogram.counts.sum()) for name, histogram in stages.items()} == dict.fromkeys(
            ("decode", "queue", "assemble", "compute", "encode", "total"), 1
        )
        assert stages["total"].sum >= stages["queue"].sum + stages["compute"].sum
        assert queue.statistics.batch_size.counts.tolist()[0] == 1


async def test_an_answer_that_cannot_be_given_keeps_no_other_from_its_own() -> None:
    model = Doubler()
    told: list[object] = []

    def clumsy(outcome: Sequence[Array] | ServingError) -> None:
        told.append(outcome)
        if len(told) == 1:
            raise TypeError("no such element type")

    async with scheduling(BatchingParameters(num_batch_threads=1)) as scheduler:
        queue = scheduler.add_queue(ServableId("m", 1), "serving_default", model)
        first = await occupy(queue, model)
        queue.submit([rows(1.0)], None, TimingRecord(), clumsy)
        other = submit(queue, 2.0)
        model.gate.set()
        await first
        assert (await other)[0].tolist() == [4.0]
        assert isinstance(told[1], Internal)
        assert told[1].message == "TypeError while answering: no such element type"
        assert queue.in_flight == 0


@pytest.mark.parametrize("splitting", [False, True])
async def test_a_request_without_rows_is_answered(splitting: bool) -> None:
    parameters = BatchingParameters(
        max_batch_size=4,
        allowed_batch_sizes=(2, 4),
        enable_large_batch_splitting=splitting,
        num_batch_threads=1,
    )
    model = Doubler()
    async with scheduling(parameters) as scheduler:
        queue = scheduler.add_queue(ServableId("m", 1), "serving_default", model)
        assert (await submit(queue))[0].shape == (0,)
        first = await occupy(queue, model)
        three, none = submit(queue, 1.0, 2.0, 3.0), submit(queue)
        model.gate.set()
        await first
        assert ((await three)[0].tolist(), (await none)[0].tolist()) == ([2.0, 4.0, 6.0], [])
