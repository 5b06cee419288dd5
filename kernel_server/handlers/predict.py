"""Predict: named arrays in, named arrays out, through the model's batching queue."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from time import perf_counter
from typing import NamedTuple

from kernel_server.batching.queue import BatchQueue
from kernel_server.core.handle import ServableHandle
from kernel_server.core.servable import Array
from kernel_server.core.signature import Signature
from kernel_server.errors import FailedPrecondition, ServingError
from kernel_server.handlers.inputs import arrange, check_filter, check_types, with_declared_shapes
from kernel_server.handlers.model_spec import ModelSpec
from kernel_server.handlers.planned import PlannedHandler
from kernel_server.handlers.prediction_logs import AnsweredPredict
from kernel_server.handlers.signatures import predict_signature
from kernel_server.monitoring.timing import TimingRecord
from kernel_server.traffic.mirror import Run

MOST_FILTERS = 16
"""Output filters of one signature that get a queue of their own, of the 2^n that its outputs allow.

Each costs memory, and time to prepare, for as long as the version is loaded. Answers to any further filter
are picked from all outputs, so that no client can make the server grow by sending new ones.
"""


class NotTogether(FailedPrecondition):
    """What requests have in common is not all that matters to them: they must be asked one by one."""


class Route(NamedTuple):
    """Some outputs of a signature, and the queue whose batches compute them."""

    outputs: tuple[str, ...]
    queue: BatchQueue


class PredictPlan:
    """What is the same for every Predict of one signature: its input types, and its routes.

    ``add_queue`` makes a queue that computes the outputs it is given.
    """

    def __init__(self, signature: Signature, add_queue: Callable[[tuple[str, ...]], BatchQueue]) -> None:
        self.signature = signature
        self.dtypes = [spec.dtype.numpy for spec in signature.inputs.values()]
        self._add_queue = add_queue
        self._routes: dict[tuple[str, ...], Route] = {}

    @property
    def queues(self) -> list[BatchQueue]:
        """The queues that requests have needed so far."""
        return [route.queue for route in self._routes.values()]

    def route(self, output_filter: tuple[str, ...]) -> Route:
        """The way to at least these outputs, to all if none is named.

        Raises ``UnknownOutput`` or ``DuplicateOutput``.
        """
        return self._routes.get(output_filter) or self._find_route(output_filter)

    def _find_route(self, output_filter: tuple[str, ...]) -> Route:
        """Filters of the same outputs share a route, whatever their order; that of all outputs is ``()``."""
        check_filter(self.signature, output_filter)
        known = tuple(self.signature.outputs)
        outputs = tuple(name for name in known if name in output_filter)
        if outputs == known or (outputs not in self._routes and len(self._routes) >= MOST_FILTERS):
            outputs = ()
        route = self._routes.get(outputs)
        if route is None:
            route = self._routes[outputs] = Route(outputs or known, self._add_queue(outputs or known))
        return route


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

        if self._request_logs.loggers:
            named = dict(zip(plan.signature.inputs, arrays, strict=True))
            done = self._logged(
                handle.id, done, partial(AnsweredPredict, handle.id, signature_name, named, wanted)
            )

        def finish(outcome: Sequence[Array] | ServingError) -> None:
            if isinstance(outcome, ServingError):
                done(with_declared_shapes(outcome, plan.signature, arrays))
                return
            answers = dict(zip(outputs, outcome, strict=True))
            done({name: answers[name] for name in wanted} if wanted else answers)
            if self._mirror.wanted:
                named = dict(zip(plan.signature.inputs, arrays, strict=True))
                repeat = partial(self._repeat, signature_name, named, wanted)
                self._mirror.offer(handle.id, arrays, answers, repeat)

        return partial(queue.abandon, queue.submit(arrays, deadline, record, finish))

    def open_together(self, spec: ModelSpec) -> ServableHandle:
        """:meth:`open` for requests that :meth:`start_together` is to answer.

        Raises :class:`NotTogether` before a split has counted a request that is then asked anew by itself.
        """
        if self._concerns_single_ones(spec.name):
            raise NotTogether
        return self.open(spec)

    def start_together(
        self,
        handle: ServableHandle,
        signature_name: str,
        inputs: Mapping[str, Array],
        output_filter: Sequence[str],
        count: int,
        deadline: float | None,
        record: TimingRecord,
        done: Callable[[dict[str, Array] | ServingError], None],
    ) -> Callable[[], None]:
        """Begin ``count`` requests of equal shapes, whose rows come one after the other; so do the answers.

        What ``done`` is told concerns them all, except that an ``InvalidArgument`` or a
        ``FailedPrecondition`` may be the fault of one. Returns what :meth:`start` returns. Raises
        :class:`NotTogether`, or what :meth:`start` raises, when they must be asked one by one.
        """
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
                done(outcome)
                return
            answers = dict(zip(outputs, outcome, strict=True))
            done({name: answers[name] for name in wanted} if wanted else answers)

        return partial(queue.abandon, queue.submit(arrays, deadline, record, finish, count))

    def _concerns_single_ones(self, model: str) -> bool:
        """Whether requests are chosen one by one for a log, a version or a comparison."""
        traffic = self._models.traffic.models.get(model)
        divided = traffic is not None and bool(traffic.arms or traffic.shadow)
        return divided or bool(self._request_logs.loggers)

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
        self, kind: str, inputs: Mapping[str, Array], wanted: tuple[str, ...], handle: ServableHandle
    ) -> Run:
        """What runs a request on another version, by itself."""
        plan = self._plan(handle, kind)
        arrays = arrange(plan.signature, inputs)
        check_types(plan.signature, arrays)
        outputs, queue = plan.route(wanted)
        return lambda: dict(zip(outputs, queue.runner(arrays), strict=True))

    def _make_plan(self, handle: ServableHandle, kind: str) -> PredictPlan:
        servable, servable_id = handle.servable, handle.id
        signature = predict_signature(servable, kind, self._check_method_name)
        batchable = signature.obstacle_to_batching is None

        def add_queue(outputs: tuple[str, ...]) -> BatchQueue:
            runner = servable.runner(signature.name, outputs)
            return self._scheduler.add_queue(servable_id, signature.name, runner, batchable)

        return PredictPlan(signature, add_queue)
