"""Classify, Regress and MultiInference, through the model's batching queue."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial

from kernel_server.batching.queue import BatchQueue
from kernel_server.core.handle import ServableHandle
from kernel_server.core.servable import Array, ServableId
from kernel_server.errors import ResourceExhausted, ServingError
from kernel_server.handlers.examples import Examples
from kernel_server.handlers.inference import Inference, InferenceTask, Result, prepare_inference
from kernel_server.handlers.multi_inference import prepare_multi_inference
from kernel_server.handlers.planned import PlannedHandler
from kernel_server.handlers.prediction_logs import AnsweredInference
from kernel_server.monitoring.timing import TimingRecord
from kernel_server.traffic.mirror import Run

Question = InferenceTask | tuple[InferenceTask, ...]
"""A task by itself is a Classify or a Regress; a tuple is a MultiInference, which has other rules."""


MOST_COMBINATIONS = 64
"""Different tuples of tasks that one version prepares, of the n! that its signatures allow."""


class TooManyCombinations(ResourceExhausted):
    """One version was sent so many different combinations of tasks that it prepares no further one."""

    def __init__(self, servable: ServableId) -> None:
        super().__init__(
            f"{servable} has been sent {MOST_COMBINATIONS} different combinations of tasks and prepares no "
            "more. Send these tasks as Classify and Regress requests."
        )


class InferencePlan:
    """An inference, and the queue whose batches it runs."""

    __slots__ = ("inference", "queue")

    def __init__(self, inference: Inference, queue: BatchQueue) -> None:
        self.inference = inference
        self.queue = queue

    @property
    def queues(self) -> tuple[BatchQueue]:
        """The one queue."""
        return (self.queue,)


class ExampleHandler(PlannedHandler[Question, InferencePlan]):
    """Answers what is asked about examples; :meth:`open` the model, then :meth:`start`."""

    def start(
        self,
        handle: ServableHandle,
        question: Question,
        examples: Examples,
        deadline: float | None,
        record: TimingRecord,
        done: Callable[[list[Result] | ServingError], None],
    ) -> Callable[[], None]:
        """Begin one request; ``done`` is told a result for each task, or its error.

        Otherwise as :meth:`PredictHandler.start`. Raises ``EmptyInput`` and the errors of
        :mod:`.inference`, :mod:`.multi_inference` and ``batching.errors``.
        """
        plan = self._plan(handle, question)
        inference, vector = plan.inference, examples.vector()

        def finish(outcome: Sequence[Array] | ServingError) -> None:
            if isinstance(outcome, ServingError):
                done(inference.explain(outcome))
                return
            try:
                results = inference.read(outcome, len(vector))
            except ServingError as error:
                done(error)
                return
            done(results)
            logger = self._request_logs.sample(handle.id.name)
            if logger is not None:
                logger.log(AnsweredInference(handle.id, question, examples, results))
            if self._mirror.wants(handle.id) and self._mirror.takes(handle.id):
                repeat = partial(self._repeat, question, vector)
                self._mirror.offer(handle.id, [vector], inference.named(outcome), repeat)

        return partial(plan.queue.abandon, plan.queue.submit([vector], deadline, record, finish))

    def _repeat(self, question: Question, vector: Array, handle: ServableHandle) -> Run:
        """What runs a request on another version, by itself."""
        inference = self._plan(handle, question).inference
        return lambda: inference.named(inference.runner([vector]))

    def _make_plan(self, handle: ServableHandle, question: Question) -> InferencePlan:
        servable, check = handle.servable, self._check_method_name
        if isinstance(question, InferenceTask):
            inference = prepare_inference(servable, question, check)
        else:
            self._check_combinations(handle)
            inference = prepare_multi_inference(servable, question, check)
        queue = self._scheduler.add_queue(handle.id, inference.name, inference.runner, inference.batchable)
        return InferencePlan(inference, queue)

    def _check_combinations(self, handle: ServableHandle) -> None:
        """Raise :class:`TooManyCombinations`: no client may make the server grow by sending new ones."""
        if sum(isinstance(kind, tuple) for kind in self._plans[handle.servable]) >= MOST_COMBINATIONS:
            raise TooManyCombinations(handle.id)
