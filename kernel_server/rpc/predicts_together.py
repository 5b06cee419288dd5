"""Predict requests that differ in nothing but the content of their tensors, answered in one piece."""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any
from weakref import WeakKeyDictionary

import numpy as np
from tensorflow.core.framework import tensor_pb2
from tensorflow_serving.apis import predict_pb2

from kernel_server.core.dtypes import DataType
from kernel_server.core.servable import Array, ServableId
from kernel_server.core.signature import DEFAULT_SIGNATURE, Signature
from kernel_server.errors import Cancelled, DeadlineExceeded, ServingError
from kernel_server.handlers import Handlers
from kernel_server.handlers.models import Part
from kernel_server.handlers.predict import NotTogether, may_be_of_one
from kernel_server.monitoring.timing import TimingRecord
from kernel_server.rpc.framing import PREFIX_LENGTH, framed_head, trailers
from kernel_server.rpc.gathered_call import GatheredCall
from kernel_server.rpc.gathering import Answers, Group
from kernel_server.rpc.methods import parse
from kernel_server.rpc.model_specs import encode_spec, from_proto
from kernel_server.rpc.prediction_service import PREDICT
from kernel_server.rpc.router import Router
from kernel_server.rpc.templates import Template
from kernel_server.tensor_protos import encode_head, is_memory, memory
from kernel_server.turns import Turns, Work
from kernel_server.wire_format import opening, text_field

Tensor = tuple[str, np.dtype[Any], tuple[int, ...]]
"""Of one request: the name, the element type and the shape."""

Done = Callable[[Answers | ServingError], None]


class PredictsTogether:
    """Takes groups of such calls; a :class:`PredictTemplate` is what one of them has in common."""

    def __init__(self, handlers: Handlers, router: Router, turns: Turns, *, as_content: bool) -> None:
        self.handlers = handlers
        self.as_content = as_content
        self._router = router
        self._turns = turns
        self._known: WeakKeyDictionary[Template, PredictTemplate] = WeakKeyDictionary()

    def template(self, template: Template) -> PredictTemplate:
        """What calls with this template mean."""
        known = self._known.get(template)
        if known is None:
            known = self._known[template] = PredictTemplate(self, template)
        return known

    @property
    def idle(self) -> bool:
        """See :meth:`Taker.idle`."""
        return self.handlers.predict.idle

    def take(self, group: Group) -> None:
        """See :meth:`Taker.take`."""
        template = self.template(group.template)
        self.have_turn(template, partial(self._begin, group, template))

    def leave(self, call: GatheredCall, group: Group, *, late: bool) -> None:
        """See :meth:`Taker.leave`."""
        self.template(group.template).refuse(DeadlineExceeded() if late else Cancelled())

    def have_turn(self, template: PredictTemplate, work: Work) -> None:
        """Do ``work`` when the model has a turn."""
        self._turns.take(template.subject, work)

    def check(self, template: Template) -> None:
        """Raise what keeps its calls from being answered."""
        self._router.check(template.headers, len(template.sample) - PREFIX_LENGTH)

    def _begin(self, group: Group, template: PredictTemplate) -> None:
        try:
            parts = template.open(len(group.calls))
        except NotTogether:
            _take_apart(group)
            return
        for part in parts:
            self._start(group.part(part.places), template, part)

    def _start(self, group: Group, template: PredictTemplate, part: Part) -> None:
        seconds = group.seconds_left(asyncio.get_running_loop().time())
        deadline = time.monotonic() + seconds if seconds else None
        columns = [memoryview(column) for column in group.columns()]
        try:
            group.give_up = template.start(part, columns, deadline, partial(self._done, group, template))
        except NotTogether:
            _take_apart(group)

    def _done(self, group: Group, template: PredictTemplate, outcome: Answers | ServingError) -> None:
        group.give_up = None  # it refers to the group: the two would wait for the garbage collector
        if isinstance(outcome, Answers):
            group.answer(outcome)
        elif may_be_of_one(outcome):
            _go_alone(group)
        else:
            for call in group.calls:
                if not call.ended:
                    template.refuse(outcome)
                    call.finish(trailers(outcome, with_head=True))


def _tensor(name: str, proto: tensor_pb2.TensorProto) -> Tensor:
    return name, DataType(proto.dtype).numpy, tuple([dim.size for dim in proto.tensor_shape.dim])


def _take_apart(group: Group) -> None:
    group.template.refuse()
    _go_alone(group)


def _go_alone(group: Group) -> None:
    for call in group.calls:
        call.go_alone()


class PredictTemplate:
    """What the calls of a template ask. ``subject`` says whose turn it is to be, like that of a call."""

    def __init__(self, together: PredictsTogether, template: Template) -> None:
        message = template.sample[PREFIX_LENGTH:]
        self._together = together
        self.template = template
        self.subject = message[2 : 2 + message[1]]
        self._request = predict_pb2.PredictRequest()
        self._tensors: list[Tensor] = []
        try:
            self._request = parse(predict_pb2.PredictRequest, message)
            inputs = self._request.inputs
            self._tensors = [_tensor(name, inputs[name]) for _, _, name in template.contents]
        except (ServingError, LookupError, ValueError):  # by itself, each call is told what is wrong
            pass

    def refuse(self, error: ServingError) -> None:
        """Count one of the calls that ended in ``error``."""
        self._together.handlers.totals.refuse(self._request.model_spec.name, error)

    def open(self, count: int) -> list[Part]:
        """Borrow the versions that answer ``count`` requests. Raises ``NotTogether``."""
        try:
            self._together.check(self.template)
            return self._together.handlers.predict.open_together(from_proto(self._request), count)
        except Exception as error:  # by itself, each call is told what is wrong
            raise NotTogether from error

    def start(
        self, part: Part, columns: Sequence[memoryview], deadline: float | None, done: Done
    ) -> Callable[[], None]:
        """Begin those requests; ``columns`` has of each tensor their contents, one after the other.

        Returns what to call when nobody waits for them any more; ``done`` is told all the same. Raises
        ``NotTogether`` when they must be asked one by one. In the end the version is released.
        """
        try:
            return self._start(part, columns, deadline, done)
        except Exception as error:  # by itself, each call is told what is wrong
            self._together.handlers.predict.take_back(part)
            raise NotTogether from error

    def _start(
        self, part: Part, columns: Sequence[memoryview], deadline: float | None, done: Done
    ) -> Callable[[], None]:
        record, count = TimingRecord(PREDICT), len(part.places)
        spec, predict = from_proto(self._request), self._together.handlers.predict
        inputs = self._arrays(columns, count)
        handle = part.handle
        if not self._can_be_cut(handle.servable.signatures.get(spec.signature or DEFAULT_SIGNATURE)):
            raise NotTogether

        def finish(outcome: dict[str, Array] | ServingError) -> None:
            handle.release()
            if isinstance(outcome, ServingError):
                done(outcome)
            else:
                done(self._encoded(handle.id, spec.signature, outcome, count))
                record.replied(count)

        return predict.start_together(
            part, spec.signature, inputs, self._request.output_filter, deadline, record, finish
        )

    def _can_be_cut(self, signature: Signature | None) -> bool:
        """Whether answers are nothing but the memory of arrays, and therefore equally long."""
        as_content = self._together.as_content
        return signature is not None and all(
            is_memory(spec.dtype, as_content) for spec in signature.outputs.values()
        )

    def _arrays(self, columns: Sequence[memoryview], count: int) -> dict[str, Array]:
        if len(columns) != len(self._tensors):
            raise NotTogether
        arrays: dict[str, Array] = {}
        for (name, dtype, shape), column in zip(self._tensors, columns, strict=True):
            if dtype.kind == "O" or not shape or count * math.prod(shape) * dtype.itemsize != len(column):
                raise NotTogether
            arrays[name] = np.frombuffer(column, dtype).reshape(count * shape[0], *shape[1:])
        return arrays

    def _encoded(
        self, servable: ServableId, signature: str, outputs: dict[str, Array], count: int
    ) -> Answers:
        """PredictResponses: map entries of ``outputs`` (field 1), then the spec (field 2)."""
        as_content = self._together.as_content
        fixed, columns, sizes = [], [], []
        for name, array in outputs.items():
            size = array.nbytes // count
            head = encode_head(
                DataType.of(array.dtype), (array.shape[0] // count, *array.shape[1:]), size, as_content
            )
            key, tensor_size = text_field(1, name), len(head) + size
            tensor = key + opening(2, tensor_size) + head
            fixed.append(opening(1, len(tensor) + size) + tensor)
            columns.append(memory(array))
            sizes.append(size)
        fixed.append(encode_spec(2, servable.name, servable.version, signature))
        fixed[0] = framed_head(sum(map(len, fixed)) + sum(sizes)) + fixed[0]
        return Answers(fixed, columns, sizes)
