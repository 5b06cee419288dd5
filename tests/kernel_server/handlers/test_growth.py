"""However many kinds of request clients make up, a version prepares only so many."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from itertools import chain, combinations, permutations

import numpy as np
import pytest

from kernel_server.batching.parameters import BatchingParameters
from kernel_server.batching.scheduler import BatchScheduler
from kernel_server.core.aspired import Aspired
from kernel_server.core.dtypes import DataType
from kernel_server.core.loader import Loader
from kernel_server.core.manager import Manager
from kernel_server.core.servable import Array, Runner, Servable, ServableId
from kernel_server.core.signature import CLASSIFY, Signature, TensorSpec
from kernel_server.errors import ServingError
from kernel_server.handlers.example_handler import MOST_COMBINATIONS, ExampleHandler, TooManyCombinations
from kernel_server.handlers.examples import Examples
from kernel_server.handlers.inference import InferenceTask, Result
from kernel_server.handlers.model_spec import ModelSpec
from kernel_server.handlers.models import Models
from kernel_server.handlers.predict import PredictHandler
from kernel_server.handlers.predict_plan import MOST_FILTERS
from kernel_server.monitoring.timing import TimingRecord
from kernel_server.traffic.mirror import Mirror

OUTPUTS = "abcdef"
CLASSIFIERS = "uvwxyz"


class Letters(Servable):
    """``serving_default`` answers each of its outputs with its place in the alphabet; others classify."""

    def __init__(self) -> None:
        self.prepared: list[Sequence[str]] = []

    @property
    def signatures(self) -> Mapping[str, Signature]:
        number, text = (TensorSpec("x:0", kind, (-1,)) for kind in (DataType.FLOAT, DataType.STRING))
        scores = {"scores": TensorSpec("y:0", DataType.FLOAT, (-1, 1))}
        classifiers = {name: Signature(name, {"inputs": text}, scores, CLASSIFY) for name in CLASSIFIERS}
        default = Signature("serving_default", {"x": number}, dict.fromkeys(OUTPUTS, number))
        return {"serving_default": default, **classifiers}

    def runner(self, signature: str, outputs: Sequence[str]) -> Runner:
        self.prepared.append(outputs)
        if signature in CLASSIFIERS:
            return lambda inputs: [np.ones((len(inputs[0]), 1), np.float32)]
        return lambda inputs: [np.full(len(inputs[0]), ord(name), np.float32) for name in outputs]


class Ready(Loader):
    """Has the servable already."""

    def __init__(self, servable: Servable) -> None:
        self._servable = servable

    def load(self) -> Servable:
        return self._servable


class Lab:
    """Both handlers over one loaded servable."""

    def __init__(self, manager: Manager, scheduler: BatchScheduler, servable: Letters) -> None:
        models = Models(manager)
        self.servable = servable
        self.scheduler = scheduler
        mirror = Mirror(manager, models.traffic, lambda: 0.0)
        self.predictions = PredictHandler(models, scheduler, mirror)
        self.inferences = ExampleHandler(models, scheduler, mirror)

    @property
    def queues(self) -> int:
        """Queues that are kept."""
        return sum(len(batching.queues) for batching in self.scheduler.batchings)

    async def predict(self, *output_filter: str) -> dict[str, float]:
        """The answers to one row."""
        x: Array = np.zeros(1, np.float32)
        with self.predictions.open(ModelSpec("letters")) as handle:
            answers = await self.predictions.run(
                handle, "serving_default", {"x": x}, output_filter, record=TimingRecord()
            )
        return {name: array.item() for name, array in answers.items()}

    async def infer(self, signatures: Sequence[str]) -> int:
        """How many results one MultiInference has."""
        tasks = tuple(InferenceTask("letters", name, CLASSIFY) for name in signatures)
        outcome: asyncio.Future[list[Result] | ServingError] = asyncio.get_running_loop().create_future()
        with self.inferences.open(ModelSpec("letters")) as handle:
            record = TimingRecord()
            self.inferences.start(handle, tasks, Examples([b""]), None, record, outcome.set_result)
            results = await outcome
        assert not isinstance(results, ServingError)
        return len(results)


@pytest.fixture
async def lab() -> AsyncIterator[Lab]:
    manager, servable = Manager(), Letters()
    scheduler = BatchScheduler(BatchingParameters(num_batch_threads=1))
    manager.start()
    manager.set_aspired("letters", [Aspired(ServableId("letters", 1), Ready(servable))])
    await asyncio.to_thread(manager.wait_until_available, ["letters"], 10)
    yield Lab(manager, scheduler, servable)
    scheduler.stop()
    await asyncio.to_thread(manager.stop, 10)


async def test_every_filter_is_answered_and_only_so_many_are_prepared(lab: Lab) -> None:
    subsets = chain.from_iterable(combinations(OUTPUTS, size) for size in range(1, len(OUTPUTS) + 1))
    for subset in subsets:
        assert await lab.predict(*subset) == {name: float(ord(name)) for name in subset}
    assert lab.queues == len(lab.servable.prepared) == MOST_FILTERS + 1
    assert list(lab.servable.prepared[-1]) == list(OUTPUTS)


async def test_the_order_of_a_filter_needs_no_queue(lab: Lab) -> None:
    for names in permutations("abc"):
        assert list(await lab.predict(*names)) == list(names)
    for names in ((), tuple(OUTPUTS), tuple(reversed(OUTPUTS))):
        assert len(await lab.predict(*names)) == len(OUTPUTS)
    assert lab.queues == 2


async def test_combinations_of_tasks_are_refused_beyond_a_number(lab: Lab) -> None:
    combinations_of_tasks = list(permutations(CLASSIFIERS, 3))
    for signatures in combinations_of_tasks[:MOST_COMBINATIONS]:
        assert await lab.infer(signatures) == 3
    with pytest.raises(TooManyCombinations, match="Send these tasks as Classify and Regress requests"):
        await lab.infer(combinations_of_tasks[MOST_COMBINATIONS])
    assert await lab.infer(combinations_of_tasks[0]) == 3
    assert lab.queues == MOST_COMBINATIONS


async def test_all_queues_go_with_the_version(lab: Lab) -> None:
    for names in ((), "a", "b"):
        await lab.predict(*names)
    await lab.infer("uv")
    assert lab.queues == 4
    lab.predictions.forget(ServableId("letters", 1))
    lab.inferences.forget(ServableId("letters", 1))
    assert lab.queues == 0
