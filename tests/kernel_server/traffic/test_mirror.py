"""Copies for the shadow: compared, refused and dropped, while real requests never notice."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from itertools import pairwise
from threading import Event
from time import monotonic, sleep

import numpy as np
import pytest
from numpy.typing import ArrayLike

from kernel_server.batching.parameters import BatchingParameters
from kernel_server.batching.scheduler import BatchScheduler
from kernel_server.core.aspired import Aspired
from kernel_server.core.dtypes import DataType
from kernel_server.core.loader import Loader
from kernel_server.core.manager import Manager
from kernel_server.core.servable import Array, Runner, Servable, ServableId
from kernel_server.core.signature import DEFAULT_SIGNATURE, Signature, TensorSpec
from kernel_server.core.state import State
from kernel_server.handlers.model_spec import ModelSpec
from kernel_server.handlers.models import Models
from kernel_server.handlers.predict import PredictHandler
from kernel_server.monitoring.timing import TimingRecord
from kernel_server.traffic.arms import Arm
from kernel_server.traffic.comparison import Comparison, Difference
from kernel_server.traffic.mirror import MOST_WAITING, MOST_WAITING_BYTES, Mirror

_SPEC = TensorSpec("t:0", DataType.FLOAT, (-1,))
_SIGNATURE = Signature(DEFAULT_SIGNATURE, {"x": _SPEC}, {"y": _SPEC, "z": _SPEC})


class Shifting(Servable, Loader):
    """``y = x + shift`` and ``z = x`` after some ``seconds``, while ``open``; refuses to be negative.

    ``runs`` says when what it has ``entered`` began and ended.
    """

    def __init__(self, shift: float) -> None:
        self.shift = np.float32(shift)
        self.open = Event()
        self.open.set()
        self.closed = False
        self.seconds = 0.0
        self.entered = 0
        self.runs: list[tuple[float, float]] = []

    def load(self) -> Servable:
        return self

    def close(self) -> None:
        self.closed = True

    @property
    def signatures(self) -> Mapping[str, Signature]:
        return {DEFAULT_SIGNATURE: _SIGNATURE}

    def runner(self, signature: str, outputs: Sequence[str]) -> Runner:
        def run(inputs: Sequence[Array]) -> list[Array]:
            self.entered += 1
            began = monotonic()
            assert self.open.wait(60)
            sleep(self.seconds)
            self.runs.append((began, monotonic()))
            if (inputs[0] + self.shift < 0).any():
                raise RuntimeError("below zero")
            answers = {"y": inputs[0] + self.shift, "z": inputs[0]}
            return [answers[name] for name in outputs]

        return run


class Lab:
    """Versions 1 and 2 of one model, and the handler that answers for them."""

    def __init__(self) -> None:
        self.quiet = 0.0
        self.manager = Manager()
        self.models = Models(self.manager)
        self.traffic = self.models.traffic
        self.scheduler = BatchScheduler(BatchingParameters(num_batch_threads=1))
        self.mirror = Mirror(self.manager, self.traffic, lambda: self.quiet)
        self.handler = PredictHandler(self.models, self.scheduler, self.mirror)
        self.versions = {1: Shifting(0.0), 2: Shifting(0.5)}
        self.manager.start()

    async def serve(self, *versions: int) -> None:
        """Load these versions and no others."""
        ids = [ServableId("m", version) for version in versions]
        self.manager.set_aspired("m", [Aspired(id_, self.versions[id_.version]) for id_ in ids])
        await self.until(lambda: self.manager.available("m") == versions[::-1])

    async def predict(self, x: ArrayLike, version: int | None = None, only: str = "") -> dict[str, Array]:
        """The answer to one request."""
        inputs = {"x": np.atleast_1d(np.asarray(x, np.float32))}
        with self.handler.open(ModelSpec("m", version)) as handle:
            record, wanted = TimingRecord(), [only] if only else []
            return await self.handler.run(handle, DEFAULT_SIGNATURE, inputs, wanted, record=record)

    @property
    def comparison(self) -> Comparison:
        found = self.traffic.of("m")
        assert found is not None
        return found.comparison

    async def until(self, condition: Callable[[], bool]) -> None:
        async with asyncio.timeout(60):
            while not condition():  # noqa: ASYNC110
                await asyncio.sleep(0.005)


@pytest.fixture
async def lab() -> AsyncIterator[Lab]:
    """Version 1 answers, version 2 is its shadow."""
    lab = Lab()
    await lab.serve(1, 2)
    lab.traffic.replace_split("m", [Arm(1, 1)])
    lab.traffic.replace_shadow("m", 2)
    yield lab
    lab.versions[2].open.set()
    assert await lab.scheduler.drain(10) == 0
    assert lab.scheduler.stop()
    assert lab.mirror.stop(10)
    assert await asyncio.to_thread(lab.manager.stop, 10)


async def test_answers_are_compared_and_the_shadows_not_returned(lab: Lab) -> None:
    assert (await lab.predict([1.0, 2.0]))["y"].tolist() == [1.0, 2.0]
    await lab.until(lambda: lab.comparison.compared == 1)
    assert lab.comparison.outputs == {"y": Difference(0, 0, 0.5), "z": Difference(0, 0, 0.0)}
    assert lab.comparison.seconds > 0


async def test_only_what_was_asked_for_is_compared(lab: Lab) -> None:
    assert (await lab.predict(1.0, only="z")).keys() == {"z"}
    await lab.until(lambda: lab.comparison.compared == 1)
    assert lab.comparison.outputs.keys() == {"z"}


async def test_the_shadows_own_answers_are_not_compared(lab: Lab) -> None:
    await lab.predict(1.0, version=2)
    await lab.predict(1.0)
    await lab.until(lambda: lab.comparison.compared == 1)


async def test_a_shadow_that_is_stuck_delays_nobody_and_loses_copies(lab: Lab) -> None:
    lab.versions[2].open.clear()
    for _ in range(2 * MOST_WAITING):
        await lab.predict(1.0)
    assert (lab.comparison.compared, lab.comparison.dropped) == (0, MOST_WAITING)
    lab.quiet = 60.0
    lab.versions[2].open.set()
    await lab.until(lambda: lab.comparison.compared == MOST_WAITING)
    await lab.predict(1.0)
    await lab.until(lambda: lab.comparison.compared == MOST_WAITING + 1)


async def test_a_shadow_leaves_nine_tenths_of_its_time_to_real_requests(lab: Lab) -> None:
    shadow = lab.versions[2]
    shadow.seconds = 0.01
    for _ in range(3):
        await lab.predict(1.0)
    await lab.until(lambda: lab.comparison.compared == 3)
    for (began, ended), (next_began, _) in pairwise(shadow.runs):
        assert next_began - ended >= 9 * (ended - began)


async def test_copies_may_take_only_so_much_memory(lab: Lab) -> None:
    lab.versions[2].open.clear()
    await lab.predict(np.zeros((1, MOST_WAITING_BYTES // 8), np.float32), only="z")
    assert lab.comparison.dropped == 0
    await lab.predict(1.0)
    assert lab.comparison.dropped == 1


async def test_a_shadow_that_fails_is_counted(lab: Lab) -> None:
    lab.versions[2].shift = np.float32(-5)
    assert (await lab.predict(1.0))["y"].tolist() == [1.0]
    await lab.until(lambda: lab.comparison.failed == 1)
    assert lab.comparison.last_error == "RuntimeError: below zero"


async def test_a_refused_request_is_not_repeated(lab: Lab) -> None:
    with pytest.raises(Exception, match="below zero"):
        await lab.predict(-1.0)
    await lab.predict(1.0)
    await lab.until(lambda: lab.comparison.compared == 1)
    assert lab.comparison.failed == 0


async def test_what_waits_does_not_keep_the_shadow_loaded(lab: Lab) -> None:
    shadow = lab.versions[2]
    shadow.open.clear()
    for _ in range(3):
        await lab.predict(1.0)
    await lab.until(lambda: shadow.entered == 1)
    await lab.serve(1)
    await lab.predict(1.0)
    assert lab.comparison.dropped == 1
    assert not shadow.closed
    shadow.open.set()
    await lab.until(lambda: shadow.closed)
    await lab.until(lambda: lab.comparison.dropped == 3)
    assert (lab.comparison.compared, lab.comparison.failed) == (1, 0)
    states = {each.id.version: each.state for each in lab.manager.monitor.versions("m")}
    assert states[2] is State.END


async def test_what_waits_is_not_repeated_on_a_version_that_is_loaded_anew(lab: Lab) -> None:
    former = lab.versions[2]
    former.seconds = 0.1  # so that the shadow rests while that happens
    for _ in range(3):
        await lab.predict(1.0)
    await lab.until(lambda: lab.comparison.compared == 1)
    lab.versions[2] = Shifting(7.0)
    await lab.serve(1)
    await lab.serve(1, 2)
    await lab.until(lambda: lab.comparison.dropped == 2)
    assert (former.entered, former.closed, lab.versions[2].entered) == (1, True, 0)
    await lab.predict(1.0)
    await lab.until(lambda: lab.comparison.compared == 2)
    assert lab.comparison.outputs["y"].max_abs_difference == 7.0


async def test_what_waits_for_a_shadow_that_is_replaced_is_not_repeated(lab: Lab) -> None:
    lab.versions[2].open.clear()
    for _ in range(3):
        await lab.predict(1.0)
    await lab.until(lambda: lab.versions[2].entered == 1)
    former = lab.comparison
    lab.traffic.replace_shadow("m", 2)
    lab.versions[2].open.set()
    await lab.predict(1.0)
    await lab.until(lambda: lab.comparison.compared == 1)
    assert (former.dropped, lab.versions[2].entered) == (2, 2)


async def test_a_new_shadow_begins_a_new_comparison(lab: Lab) -> None:
    await lab.predict(1.0)
    await lab.until(lambda: lab.comparison.compared == 1)
    lab.traffic.replace_shadow("m", 2)
    assert lab.comparison == Comparison()
    lab.traffic.replace_shadow("m", None)
    await lab.predict(1.0)
    assert lab.comparison == Comparison()


async def test_stopping_waits_for_no_copy_but_the_one_that_runs(lab: Lab) -> None:
    lab.versions[2].open.clear()
    for _ in range(3):
        await lab.predict(1.0)
    assert not lab.mirror.stop(0.01)
    lab.versions[2].open.set()
    assert lab.mirror.stop(60)
    await lab.until(lambda: lab.comparison.compared == 1)
