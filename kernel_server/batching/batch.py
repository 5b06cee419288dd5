"""Requests that run together: collecting them, one model run, handing out the rows."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from time import perf_counter
from typing import TYPE_CHECKING

import numpy as np

from kernel_server.batching.assembly import check_outputs, concatenate, executed_rows
from kernel_server.core.servable import Array
from kernel_server.errors import FailedPrecondition, Internal, InvalidArgument, ServingError
from kernel_server.monitoring.timing import TimingRecord

if TYPE_CHECKING:
    from kernel_server.batching.queue import BatchQueue

_log = logging.getLogger(__name__)

FULL, TIMEOUT, IDLE, DRAIN = "full", "timeout", "idle", "drain"


Done = Callable[[Sequence[Array] | ServingError], None]
"""Told the answer of a request, or why there is none: once, on the event loop.

Told a second time, of an ``Internal`` error, when it raises.
"""


class Task:
    """One request in a queue, or ``count`` alike in one piece: the arrays, and whom to tell the answer.

    A callback rather than a future: answers of a whole batch are handed out in one go, without a turn
    of the event loop for each.
    """

    __slots__ = (
        "abandoned",
        "count",
        "deadline",
        "done",
        "ended",
        "inputs",
        "missing",
        "parts",
        "record",
        "rows",
    )

    def __init__(
        self,
        inputs: Sequence[Array],
        rows: int,
        deadline: float | None,
        record: TimingRecord,
        done: Done,
        count: int = 1,
    ) -> None:
        self.inputs = inputs
        self.rows = rows
        self.count = count
        self.done = done
        self.ended = self.abandoned = False
        self.deadline = deadline
        self.record = record
        self.missing = rows
        self.parts: list[tuple[int, Sequence[Array]]] | None = None

    def answer(self, begin: int, end: int, outputs: Sequence[Array]) -> bool:
        """Take the rows ``begin:end``; true when with them the request is complete."""
        if end - begin == self.rows or self.ended:
            return self._complete(outputs)
        self.parts = [*(self.parts or ()), (begin, outputs)]
        self.missing -= end - begin
        if self.missing:
            return False
        ordered = [part for _, part in sorted(self.parts, key=lambda item: item[0])]
        return self._complete([np.concatenate(same) for same in zip(*ordered, strict=True)])

    def fail(self, error: ServingError) -> bool:
        """End the request with ``error``; false when it had ended already."""
        return self._complete(error)

    def _complete(self, outcome: Sequence[Array] | ServingError) -> bool:
        if self.ended:
            return False
        self.ended = True
        try:
            self.done(outcome)
        except Exception as error:  # the other requests of the batch must get their answers all the same
            _log.exception("An answer could not be given")
            self.done(Internal(f"{type(error).__name__} while answering: {error}"))
        return True


class Piece:
    """The rows ``begin:end`` of a task, which without splitting are all of them."""

    __slots__ = ("begin", "end", "outcome", "task")

    def __init__(self, task: Task, begin: int, end: int) -> None:
        self.task = task
        self.begin = begin
        self.end = end
        self.outcome: Sequence[Array] | ServingError = ()

    @property
    def inputs(self) -> Sequence[Array]:
        """The arrays of these rows: views, no copy."""
        if self.end - self.begin == self.task.rows:
            return self.task.inputs
        return [array[self.begin : self.end] for array in self.task.inputs]


class Batch:
    """Pieces in order of arrival, closed for a reason, run once under the parameters it was opened with.

    Built on the event loop, run on a worker thread, handed out on the event loop; never touched
    by two threads at a time.
    """

    __slots__ = (
        "assembled",
        "batched",
        "close_reason",
        "computed",
        "executed_rows",
        "generation",
        "limit",
        "opened",
        "parameters",
        "pieces",
        "queue",
        "rows",
        "started",
    )

    def __init__(self, queue: BatchQueue, limit: int) -> None:
        self.queue = queue
        self.batched = queue.batched
        self.parameters = queue.model.parameters
        self.generation = queue.model.generation
        self.limit = limit
        self.pieces: list[Piece] = []
        self.rows = self.executed_rows = 0
        self.opened = perf_counter()
        self.close_reason = FULL
        self.started = self.assembled = self.computed = 0.0

    def is_overdue(self, now: float) -> bool:
        """Whether the first request has waited for the whole timeout (``perf_counter``)."""
        return now - self.opened >= self.parameters.batch_timeout

    def add(self, piece: Piece) -> None:
        """Take one more piece."""
        self.pieces.append(piece)
        self.rows += piece.end - piece.begin

    def holds(self, task: Task) -> bool:
        """Whether a piece of ``task`` is in it."""
        return any(piece.task is task for piece in self.pieces)

    def discard(self, tasks: Sequence[Task]) -> None:
        """Forget the pieces of ``tasks``."""
        self.pieces = [piece for piece in self.pieces if piece.task not in tasks]
        self.rows = sum(piece.end - piece.begin for piece in self.pieces)

    def run(self) -> None:
        """Assemble, call the model once and cut the answer. Never raises: outcomes hold the errors.

        When the model refuses a batch of several requests each runs again alone, so that one bad
        request spoils no other. TensorFlow Serving fails them all.
        """
        self.started = perf_counter()
        try:
            self._run_together()
        except (InvalidArgument, FailedPrecondition) as error:
            self._run_apart(error)
        except ServingError as error:
            self._fail(error)
        except Exception as error:  # a servable plug-in may raise anything; the worker must live on
            self._fail(Internal(f"{type(error).__name__} while running the model: {error}"))
        self.computed = self.computed or perf_counter()
        self.assembled = self.assembled or self.computed

    def _run_together(self) -> None:
        inputs = self._assemble()
        self.assembled = perf_counter()
        outputs = self.queue.runner(inputs)
        self.computed = perf_counter()
        if self.batched:
            check_outputs(outputs, self.executed_rows)
        if len(self.pieces) == 1 and self.rows == self.executed_rows:
            self.pieces[0].outcome = outputs
            return
        at = 0
        for piece in self.pieces:
            end = at + piece.end - piece.begin
            piece.outcome = [output[at:end] for output in outputs]
            at = end

    def _assemble(self) -> Sequence[Array]:
        if not self.batched:
            self.executed_rows = self.rows
            return self.pieces[0].inputs
        self.executed_rows = executed_rows(self.rows, self.parameters.allowed_batch_sizes)
        pad = self.parameters.pad_variable_length_inputs
        columns = zip(*(piece.inputs for piece in self.pieces), strict=True)
        return [concatenate(parts, self.executed_rows, pad) for parts in columns]

    def _run_apart(self, error: ServingError) -> None:
        if len(self.pieces) == 1:
            self._fail(error)
            return
        for piece in self.pieces:
            alone = Batch(self.queue, self.limit)
            alone.parameters = self.parameters
            alone.add(piece)
            alone.run()

    def _fail(self, error: ServingError) -> None:
        for piece in self.pieces:
            piece.outcome = error
