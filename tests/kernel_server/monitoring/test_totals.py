"""Counting as TensorFlow Serving does: per model, over all versions, nothing lost and nothing unbounded."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

import numpy as np
import pytest
from support.metrics import Page

from kernel_server.batching.parameters import BatchingParameters
from kernel_server.batching.queue import BatchQueue
from kernel_server.batching.scheduler import BatchScheduler
from kernel_server.core.servable import Array, ServableId
from kernel_server.errors import InvalidArgument, NotFound, ServingError
from kernel_server.monitoring.exposition import Spelling, write
from kernel_server.monitoring.timing import Entry, TimingRecord
from kernel_server.monitoring.totals import FOLD_EVERY, Totals

GRPC, REST = Entry("Predict", "GRPC"), Entry("predict", "REST")
BATCHING = ":tensorflow:serving:batching_session:"


def page(totals: Totals) -> Page:
    return Page(write(totals.families("pool"), Spelling.TENSORFLOW_SERVING))


def status_counts(totals: Totals) -> dict[tuple[str, str], float]:
    series = page(totals).series(":tensorflow:serving:request_count")
    return {(labels["model_name"], labels["status"]): value for labels, value in series}


def double(inputs: Sequence[Array]) -> Sequence[Array]:
    return [inputs[0] * 2]


class Bench:
    """A scheduler that counts into ``totals``."""

    def __init__(self, totals: Totals, **parameters: object) -> None:
        self.scheduler = BatchScheduler(BatchingParameters(**parameters), totals=totals)  # type: ignore[arg-type]

    def queue(self, version: int = 1) -> BatchQueue:
        return self.scheduler.add_queue(ServableId("m", version), "serving_default", double)

    def send(self, queue: BatchQueue, rows: int, entry: Entry = GRPC) -> None:
        record = TimingRecord(entry)
        queue.submit([np.zeros(rows, np.float32)], None, record, partial(self._done, record))

    def _done(self, record: TimingRecord, outcome: Sequence[Array] | ServingError) -> None:
        assert not isinstance(outcome, ServingError)
        record.replied()

    async def finish(self) -> None:
        assert await self.scheduler.drain(30) == 0
        assert self.scheduler.stop()


async def test_answers_are_told_apart_by_the_way_they_came() -> None:
    totals = Totals()
    bench = Bench(totals)
    queue = bench.queue()
    for entry in (GRPC, GRPC, REST):
        bench.send(queue, 1, entry)
    await bench.finish()
    queue.statistics.retire()
    found = page(totals)
    latency = partial(found, ":tensorflow:serving:request_latency_count", model_name="m")
    assert latency(API="Predict", entrypoint="GRPC") == 2
    assert latency(API="predict", entrypoint="REST") == 1
    runtime = partial(found, ":tensorflow:serving:runtime_latency_count", model_name="m")
    assert runtime(API="Predict", runtime="TF1") == runtime() == 3
    assert status_counts(totals) == {("m", "OK"): 3}
    limits = [labels["le"] for labels, _ in found.series(":tensorflow:serving:request_latency_bucket")[:34]]
    assert limits[:4] == ["10", "18", "32.4", "58.32"]
    assert (limits[32], limits[33]) == ("1.47476e+09", "+Inf")


async def test_a_version_that_goes_takes_nothing_along() -> None:
    totals = Totals()
    bench = Bench(totals)
    first, second = bench.queue(1), bench.queue(2)
    bench.send(first, 1)
    await bench.scheduler.drain(30)
    bench.scheduler.remove_queue(first)
    assert status_counts(totals) == {("m", "OK"): 1}
    bench.send(second, 1)
    await bench.finish()
    bench.scheduler.remove_queue(second)
    assert status_counts(totals) == {("m", "OK"): 2}


async def test_an_answer_given_after_the_version_went_counts_too() -> None:
    totals = Totals()
    bench = Bench(totals)
    queue = bench.queue()
    late = TimingRecord(REST)
    queue.submit([np.zeros(1, np.float32)], None, late, lambda outcome: None)
    await bench.finish()
    bench.scheduler.remove_queue(queue)
    late.replied()
    assert status_counts(totals) == {("m", "OK"): 1}


async def test_batches_are_counted_with_their_padding() -> None:
    totals = Totals()
    bench = Bench(totals, max_batch_size=8, allowed_batch_sizes=(4, 8), num_batch_threads=1)
    queue = bench.queue()
    for rows in (3, 8):
        bench.send(queue, rows)
    await bench.finish()
    found = page(totals)
    assert found.series(BATCHING + "wrapped_run_count") == [({}, 2)]
    assert found(BATCHING + "padding_size_sum", execution_batch_size="4") == 1
    assert found(BATCHING + "padding_size_count", execution_batch_size="8") == 1
    assert (found(BATCHING + "input_batch_size_sum"), found(BATCHING + "input_batch_size_count")) == (11, 2)
    assert found(BATCHING + "processed_batch_size_sum") == 12
    assert found(BATCHING + "queuing_latency_bucket", thread_pool_name="pool", le="100") <= 2


async def test_sizes_that_nobody_chose_make_no_series() -> None:
    totals = Totals()
    bench = Bench(totals, max_batch_size=64)
    queue = bench.queue()
    for rows in (1, 2, 3):
        bench.send(queue, rows)
    await bench.finish()
    assert page(totals).values_of("execution_batch_size") == set()


async def test_a_request_in_pieces_is_one_request() -> None:
    totals = Totals()
    bench = Bench(totals, max_batch_size=10, max_execution_batch_size=4, enable_large_batch_splitting=True)
    bench.send(bench.queue(), 10)
    await bench.finish()
    found = page(totals)
    assert found(BATCHING + "input_batch_size_count") == 1
    assert found(BATCHING + "processed_batch_size_count") == found(BATCHING + "wrapped_run_count") == 3


async def test_runs_without_batching_are_no_batches() -> None:
    totals = Totals()
    scheduler = BatchScheduler(BatchingParameters(), False, totals)
    queue = scheduler.add_queue(ServableId("m", 1), "serving_default", double)
    queue.submit([np.zeros(5, np.float32)], None, TimingRecord(GRPC), lambda outcome: None)
    assert await scheduler.drain(30) == 0
    assert scheduler.stop()
    assert page(totals)(BATCHING + "wrapped_run_count") == 0


async def test_readings_do_not_pile_up_when_every_run_fails() -> None:
    def fail(inputs: Sequence[Array]) -> Sequence[Array]:
        raise InvalidArgument("never")

    scheduler = BatchScheduler(BatchingParameters(max_batch_size=1, max_enqueued_batches=FOLD_EVERY))
    queue = scheduler.add_queue(ServableId("m", 1), "serving_default", fail)
    for _ in range(FOLD_EVERY):
        queue.submit([np.zeros(1, np.float32)], None, TimingRecord(GRPC), lambda outcome: None)
    assert await scheduler.drain(30) == 0
    assert scheduler.stop()
    assert queue.statistics._batch_rows == []
    assert queue.statistics.batch_size.counts.sum() == FOLD_EVERY


@pytest.mark.parametrize(("known", "counted"), [(True, "guess"), (False, "")])
def test_callers_cannot_add_names(known: bool, counted: str) -> None:
    totals = Totals(lambda name: known)
    totals.refuse("guess", NotFound("no such model"))
    totals.refuse("guess", NotFound("no such model"))
    assert status_counts(totals) == {(counted, "NOT_FOUND"): 2}


def test_calls_that_need_no_run() -> None:
    totals = Totals()
    totals.answer("m", Entry("status", "REST"), 0.001)
    assert status_counts(totals) == {("m", "OK"): 1}
    found = page(totals)
    assert found(":tensorflow:serving:request_latency_sum", API="status", entrypoint="REST") == 1000
