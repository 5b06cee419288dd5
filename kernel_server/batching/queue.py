"""The requests of one signature of one model version, on their way into batches."""

from __future__ import annotations

from collections import deque
from collections.abc import Hashable, Sequence
from time import monotonic, perf_counter
from typing import TYPE_CHECKING

from kernel_server.batching.assembly import rows_of, shape_key
from kernel_server.batching.batch import FULL, TIMEOUT, Batch, Done, Piece, Task
from kernel_server.batching.company import Company
from kernel_server.batching.errors import ExpiredInQueue, QueueFull, QueueLacksRoom, TaskTooLarge
from kernel_server.batching.parameters import BatchingParameters
from kernel_server.core.servable import Array, Runner, ServableId
from kernel_server.errors import Cancelled, ServingError
from kernel_server.monitoring.statistics import QueueStatistics
from kernel_server.monitoring.timing import TimingRecord

if TYPE_CHECKING:
    from kernel_server.batching.model_batching import ModelBatching
    from kernel_server.batching.scheduler import BatchScheduler


class BatchQueue:
    """Gathers requests into batches by the model's present parameters; event-loop thread only.

    Rows of unequal shape never share a batch unless padding is on: TensorFlow Serving puts them
    together and then fails all of them.
    """

    def __init__(
        self,
        scheduler: BatchScheduler,
        model: ModelBatching,
        servable: ServableId,
        signature: str,
        runner: Runner,
        batchable: bool,
        statistics: QueueStatistics,
    ) -> None:
        self.model = model
        self.servable = servable
        self.signature = signature
        self.runner = runner
        self.statistics = statistics
        self.in_flight = 0
        self.in_rotation = False
        self._company = Company()
        self._batchable = batchable
        self._scheduler = scheduler
        self._open: dict[Hashable, Batch] = {}
        self._closed: deque[Batch] = deque()

    @property
    def parameters(self) -> BatchingParameters:
        """The parameters in force."""
        return self.model.parameters

    @property
    def batched(self) -> bool:
        """Whether requests share runs: batching is on and the signature allows it."""
        return self._batchable and self.model.enabled

    @property
    def queued(self) -> int:
        """Requests (or parts of split ones) that wait."""
        batches = (*self._open.values(), *self._closed)
        return sum(piece.task.count for batch in batches for piece in batch.pieces)

    @property
    def enqueued(self) -> int:
        """Batches that wait, the open ones included."""
        return len(self._open) + len(self._closed)

    def submit(
        self,
        inputs: Sequence[Array],
        deadline: float | None,
        record: TimingRecord,
        done: Done,
        count: int = 1,
    ) -> Task:
        """Queue one request; ``done`` is told its outputs, in the order of the runner, or its error.

        ``deadline`` is a reading of ``time.monotonic()``. Raises the errors of ``batching.errors``, and
        ``done`` is not told then. If the queue is ``batched``, ``inputs`` may have the rows of ``count``
        requests of equal shapes one after the other, and may be split among batches.
        """
        batched = self.batched
        rows = rows_of(inputs) if batched else 1
        task = Task(inputs, rows, deadline, record, done, count)
        record.queued = perf_counter()
        try:
            if batched:
                self._enqueue(task)
            else:
                self._enqueue_alone(task)
        except ServingError:
            if count == 1:  # several are asked one by one then
                self.statistics.outcomes.shed += 1
            raise
        self.in_flight += count
        self._scheduler.offer(self)
        return task

    def abandon(self, task: Task) -> None:
        """The caller is gone: run the request no more unless it runs already.

        Either way its ``done`` is told, now or when the run is over.
        """
        if task.ended or task.abandoned:
            return
        task.abandoned = True
        self.statistics.outcomes.cancelled += task.count
        waiting = [batch for batch in (*self._open.values(), *self._closed) if batch.holds(task)]
        for batch in waiting:
            batch.discard([task])
        self._open = {key: batch for key, batch in self._open.items() if batch.pieces}
        self._closed = deque(batch for batch in self._closed if batch.pieces)
        if waiting:
            self.in_flight -= task.count
            task.fail(Cancelled("The caller gave up"))

    def _enqueue(self, task: Task) -> None:
        parameters = self.parameters
        if task.rows > parameters.max_batch_size * task.count:
            raise TaskTooLarge(task.rows // task.count, parameters.max_batch_size)
        key = shape_key(task.inputs, parameters.pad_variable_length_inputs)
        batch = self._open.get(key)
        room = parameters.batch_limit - batch.rows if batch is not None else 0
        if task.rows <= room and batch is not None:
            self._add(key, batch, Piece(task, 0, task.rows))
        elif (parameters.enable_large_batch_splitting or task.count > 1) and task.rows:
            self._enqueue_split(task, key, room)
        else:
            if self.enqueued >= parameters.max_enqueued_batches:
                raise QueueFull(self.enqueued, parameters.max_enqueued_batches)
            self._close(key, FULL)
            self._add(key, self._new_batch(key), Piece(task, 0, task.rows))

    def _enqueue_split(self, task: Task, key: Hashable, room: int) -> None:
        parameters = self.parameters
        limit = parameters.batch_limit
        capacity = (parameters.max_enqueued_batches - self.enqueued) * limit + room
        if task.rows > capacity:
            open_rows = limit - room if key in self._open else 0
            raise QueueLacksRoom(
                task.rows, capacity, self.enqueued, parameters.max_enqueued_batches, open_rows, limit
            )
        begin = 0
        while begin < task.rows:
            batch = self._open.get(key) or self._new_batch(key)
            end = min(task.rows, begin + limit - batch.rows)
            self._add(key, batch, Piece(task, begin, end))
            begin = end

    def _enqueue_alone(self, task: Task) -> None:
        batch = Batch(self, task.rows)
        batch.add(Piece(task, 0, task.rows))
        self._closed.append(batch)

    def _new_batch(self, key: Hashable) -> Batch:
        batch = Batch(self, self.parameters.batch_limit)
        self._open[key] = batch
        return batch

    def _add(self, key: Hashable, batch: Batch, piece: Piece) -> None:
        batch.add(piece)
        if batch.rows >= self.parameters.batch_limit:
            self._close(key, FULL)

    def _close(self, key: Hashable, reason: str) -> None:
        batch = self._open.pop(key, None)
        if batch is not None:
            batch.close_reason = reason
            self._closed.append(batch)

    def close_open(self, reason: str) -> None:
        """Close every open batch for ``reason``."""
        for key in list(self._open):
            self._close(key, reason)

    def close_overdue(self, now: float) -> None:
        """Close the open batches whose first request has waited for the whole timeout."""
        for key, batch in list(self._open.items()):
            if batch.is_overdue(now):
                self._close(key, TIMEOUT)

    def is_due(self, now: float) -> bool:
        """Whether a batch that may run now is complete, or has waited for the whole timeout."""
        waiting = self._open.values()
        return self.may_run and (self.is_complete or any(batch.is_overdue(now) for batch in waiting))

    @property
    def may_run(self) -> bool:
        """Whether something waits and the model may use one more thread."""
        return bool(self._open or self._closed) and self.model.running < self.parameters.num_batch_threads

    @property
    def is_complete(self) -> bool:
        """Whether no other request is to be expected."""
        return self._company.is_complete(self.in_flight)

    @property
    def has_closed(self) -> bool:
        """Whether a batch is ready to leave."""
        return bool(self._closed)

    def take(self) -> Batch | None:
        """The next closed batch, rid of requests that are cancelled or out of time."""
        self._company.note(self.in_flight)
        while self._closed:
            batch = self._closed.popleft()
            dead = self._dead(batch)
            if dead:
                batch.discard(dead)
            if batch.pieces:
                return batch
        return None

    def _dead(self, batch: Batch) -> list[Task]:
        now = monotonic()
        dead = []
        for piece in batch.pieces:
            task = piece.task
            if task.ended:
                dead.append(task)
            elif task.deadline is not None and task.deadline < now:
                dead.append(task)
                self._expire(task)
        return dead

    def finish(self, batch: Batch) -> None:
        """Hand out the outcomes of an executed batch."""
        now = perf_counter()
        outcomes = self.statistics.outcomes
        self.statistics.add_batch(batch)
        pieces, batch.pieces = batch.pieces, []  # statistics keep the batch, and must not keep its arrays
        for piece in pieces:
            task, outcome = piece.task, piece.outcome
            task.record.batch = batch
            task.record.finished = now
            if isinstance(outcome, ServingError):
                ended, failed = task.fail(outcome), task.count
            else:
                ended, failed = task.answer(piece.begin, piece.end, outcome), 0
            if ended:
                self.in_flight -= task.count
                if not task.abandoned:
                    outcomes.failed += failed
                    outcomes.succeeded += task.count - failed

    def _expire(self, task: Task) -> None:
        task.fail(ExpiredInQueue())
        self.in_flight -= task.count
        self.statistics.outcomes.shed += task.count
