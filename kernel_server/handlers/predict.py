"""Predict: named arrays in, named arrays out, through the model's batching queue."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from functools import partial

from kernel_server.batching.queue import BatchQueue
from kernel_server.core.handle import ServableHandle
from kernel_server.core.servable import Array
from kernel_server.core.signature import Signature
from kernel_server.errors import ServingError
from kernel_server.handlers.inputs import arrange, check_filter, with_declared_shapes
from kernel_server.handlers.planned import PlannedHandler
from kernel_server.handlers.signatures import predict_signature
from kernel_server.monitoring.timing import TimingRecord


class PredictPlan:
    """What is the same for every Predict of one signature with one output filter."""

    __slots__ = ("names", "outputs", "queue", "signature")

    def __init__(self, signature: Signature, outputs: tuple[str, ...], queue: BatchQueue) -> None:
        self.signature = signature
        self.names = tuple(signature.inputs)
        self.outputs = outputs
        self.queue = queue


class PredictHandler(PlannedHandler[tuple[str, tuple[str, ...]], PredictPlan]):
    """Answers Predict; :meth:`open` the model, then :meth:`run` with the decoded inputs.

    A plan belongs to a signature with an output filter.
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
        """
        plan = self._plan(handle, (signature_name, tuple(output_filter)))
        arrays = arrange(plan.signature, inputs)

        def finish(outcome: Sequence[Array] | ServingError) -> None:
            if isinstance(outcome, ServingError):
                done(with_declared_shapes(outcome, plan.signature, arrays))
            else:
                done(dict(zip(plan.outputs, outcome, strict=True)))

        return partial(plan.queue.abandon, plan.queue.submit(arrays, deadline, record, finish))

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

    def _make_plan(self, handle: ServableHandle, kind: tuple[str, tuple[str, ...]]) -> PredictPlan:
        name, output_filter = kind
        signature = predict_signature(handle.servable, name, self._check_method_name)
        check_filter(signature, output_filter)
        outputs = output_filter or tuple(signature.outputs)
        runner = handle.servable.runner(signature.name, outputs)
        batchable = signature.obstacle_to_batching is None
        queue = self._scheduler.add_queue(handle.id, signature.name, runner, batchable)
        return PredictPlan(signature, outputs, queue)
