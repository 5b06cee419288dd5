"""Predict: named arrays in, named arrays out, through the model's batching queue."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from time import perf_counter

from kernel_server.batching.queue import BatchQueue
from kernel_server.core.handle import ServableHandle
from kernel_server.core.servable import Array, ServableId
from kernel_server.errors import FailedPrecondition, InvalidArgument, ServingError
from kernel_server.handlers.inputs import arrange, check_types, with_declared_shapes
from kernel_server.handlers.model_spec import ModelSpec
from kernel_server.handlers.models import Part
from kernel_server.handlers.planned import PlannedHandler
from kernel_server.handlers.predict_plan import PredictPlan
from kernel_server.handlers.prediction_logs import AnsweredPredict
from kernel_server.handlers.signatures import predict_signature
from kernel_server.monitoring.timing import TimingRecord
from kernel_server.traffic.mirror import Run


class NotTogether(FailedPrecondition):
    """What requests have in common is not all that matters to them: they must be asked one by one."""


class PredictHandler(PlannedHandler[str, PredictPlan]):
    """Answers Predict; :meth:`open` the model, then :meth:`start` or :meth:`run` with its inputs.

    A plan belongs to a signature. Checks come in the order of TensorFlow Serving: signature, inputs, output
    filter, element types.
    """

    def start(
        self,
        handle: ServableHandle,
        signature_name: str,
        inputs: Mapping[str, Array],
        output_filter: Sequence[str],
        deadline: float | None,
        record: TimingRecord,
        done: Callable[[dict[str, Array] | ServingError], None],
    ) -> Callable[[], None]:
        """Begin one request; ``done`` is told its outputs by name, or its error. See :meth:`run`.

        Returns what to call when the caller gives up; ``done`` is told all the same. ``handle`` must stay
        borrowed until then. Raises, and does not tell ``done``, when the request is refused at once.
        ``inputs`` may decode its arrays when it is asked for them, and raise when it cannot.
        """
        plan = self._plan(handle, signature_name)
        arrays = arrange(plan.signature, inputs)
        record.decoded = perf_counter()
        wanted = tuple(output_filter)
        outputs, queue = plan.route(wanted)
        if [array.dtype for array in arrays] != plan.dtypes:
            check_types(plan.signature, arrays)

        def finish(outcome: Sequence[Array] | ServingError) -> None:
            if isinstance(outcome, ServingError):
                done(with_declared_shapes(outcome, plan.signature, arrays))
                return
            answers = _picked(outputs, outcome, wanted)
            done(answers)
            if self._is_looked_at(handle.id):
                named = dict(zip(plan.signature.inputs, arrays, strict=True))
                self._look_at(AnsweredPredict(handle.id, signature_name, named, wanted, answers))

        return partial(queue.abandon, queue.submit(arrays, deadline, record, finish))

    def open_together(self, spec: ModelSpec, count: int) -> list[Part]:
        """Borrow the versions that answer ``count`` requests; see :meth:`Models.open_together`."""
        return self._models.open_together(spec, count)

    def take_back(self, part: Part) -> None:
        """Do not begin these requests after all; see :meth:`Models.take_back`."""
        self._models.take_back(part)

    def start_together(
        self,
        part: Part,
        signature_name: str,
        inputs: Mapping[str, Array],
        output_filter: Sequence[str],
        deadline: float | None,
        record: TimingRecord,
        done: Callable[[dict[str, Array] | ServingError], None],
    ) -> Callable[[], None]:
        """Begin requests of equal shapes, whose rows come one after the other; so do the answers.

        What ``done`` is told concerns them all, unless it :func:`may_be_of_one`: then each is to be asked by
        itself. That is so, too, when this raises, be it :class:`NotTogether` or what :meth:`start` raises.
        Returns what :meth:`start` returns.
        """
        handle, count = part.handle, len(part.places)
        plan = self._plan(handle, signature_name)
        arrays = arrange(plan.signature, inputs)
        record.decoded = perf_counter()
        wanted = tuple(output_filter)
        outputs, queue = plan.route(wanted)
        if not queue.batched or len(arrays) != len(inputs):
            raise NotTogether
        if [array.dtype for array in arrays] != plan.dtypes:
            raise NotTogether

        def finish(outcome: Sequence[Array] | ServingError) -> None:
            if isinstance(outcome, ServingError):
                if may_be_of_one(outcome):
                    self._models.take_back(part)
                done(outcome)
                return
            answers = _picked(outputs, outcome, wanted)
            done(answers)
            if self._is_looked_at(handle.id):
                named = dict(zip(plan.signature.inputs, arrays, strict=True))
                self._look_at(AnsweredPredict(handle.id, signature_name, named, wanted, answers), count)

        return partial(queue.abandon, queue.submit(arrays, deadline, record, finish, count))

    def _is_looked_at(self, servable: ServableId) -> bool:
        """Whether what this version has answered may have to be logged or repeated."""
        return servable.name in self._request_logs.loggers or self._mirror.wants(servable)

    def _look_at(self, answered: AnsweredPredict, count: int = 1) -> None:
        """Of ``count`` requests that ``answered`` stands for, log the sampled ones and repeat each."""
        wanted = self._mirror.wants(answered.servable)
        for place in range(count):
            logger = self._request_logs.sample(answered.model)
            repeated = wanted and self._mirror.takes(answered.servable)
            if logger is None and not repeated:
                continue
            each = answered.part(place, count)
            if logger is not None:
                logger.log(each)
            if repeated:
                repeat = partial(self._repeat, each.signature, each.inputs, each.output_filter)
                self._mirror.offer(each.servable, list(each.inputs.values()), each.outputs, repeat)

    async def run(
        self,
        handle: ServableHandle,
        signature_name: str,
        inputs: Mapping[str, Array],
        output_filter: Sequence[str] = (),
        *,
        deadline: float | None = None,
        record: TimingRecord,
    ) -> dict[str, Array]:
        """The outputs by name, or those of ``output_filter`` only.

        ``deadline`` is a reading of ``time.monotonic()``; later the request leaves the queue unrun.
        Raises the errors of :mod:`.signatures`, :mod:`.inputs` and ``batching.errors``, and what the
        model itself refuses. A cancelled call returns when the model is done with its inputs.
        """
        future: asyncio.Future[dict[str, Array] | ServingError] = asyncio.get_running_loop().create_future()
        give_up = self.start(
            handle, signature_name, inputs, output_filter, deadline, record, future.set_result
        )
        try:
            outcome = await asyncio.shield(future)
        except asyncio.CancelledError:
            give_up()
            await asyncio.wait((future,))
            raise
        if isinstance(outcome, ServingError):
            raise outcome
        return outcome

    def _repeat(
        self, kind: str, inputs: Mapping[str, Array], wanted: Sequence[str], handle: ServableHandle
    ) -> Run:
        """What runs a request on another version, by itself."""
        plan = self._plan(handle, kind)
        arrays = arrange(plan.signature, inputs)
        check_types(plan.signature, arrays)
        outputs, queue = plan.route(tuple(wanted))
        return lambda: dict(zip(outputs, queue.runner(arrays), strict=True))

    def _make_plan(self, handle: ServableHandle, kind: str) -> PredictPlan:
        servable, servable_id = handle.servable, handle.id
        signature = predict_signature(servable, kind, self._check_method_name)
        batchable = signature.obstacle_to_batching is None

        def add_queue(outputs: tuple[str, ...]) -> BatchQueue:
            runner = servable.runner(signature.name, outputs)
            return self._scheduler.add_queue(servable_id, signature.name, runner, batchable)

        return PredictPlan(signature, add_queue)


def may_be_of_one(error: ServingError) -> bool:
    """Whether only one of the requests that were answered together may be at fault."""
    return isinstance(error, InvalidArgument | FailedPrecondition)


def _picked(names: Sequence[str], arrays: Sequence[Array], wanted: Sequence[str]) -> dict[str, Array]:
    answers = dict(zip(names, arrays, strict=True))
    return {name: answers[name] for name in wanted} if wanted else answers
