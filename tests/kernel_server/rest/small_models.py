"""Models small enough to see through, and what the tests of the REST server share."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from threading import Event

import httpx
import numpy as np

from kernel_server.core.dtypes import DataType
from kernel_server.core.loader import Loader
from kernel_server.core.servable import Array, Runner, Servable
from kernel_server.core.signature import DEFAULT_SIGNATURE, Signature, TensorSpec
from kernel_server.handlers import Handlers

Start = Callable[..., Awaitable[httpx.AsyncClient]]
"""Starts a server with the given options and returns a client of it."""

Answer = Callable[[list[Array]], list[Array]]


class Model(Servable):
    """Answers every signature with ``answers[signature]``."""

    def __init__(self, signatures: Mapping[str, Signature], answers: Mapping[str, Answer]) -> None:
        self._signatures = signatures
        self._answers = answers

    @property
    def signatures(self) -> Mapping[str, Signature]:
        return self._signatures

    def runner(self, signature: str, outputs: Sequence[str]) -> Runner:
        answer = self._answers[signature]
        names = list(self._signatures[signature].outputs)
        return lambda inputs: [answer(list(inputs))[names.index(name)] for name in outputs]


class Ready(Loader):
    """Loads a servable that is already there."""

    def __init__(self, servable: Servable) -> None:
        self._servable = servable

    def load(self) -> Servable:
        return self._servable


def spec(dtype: DataType, *shape: int) -> TensorSpec:
    return TensorSpec("t:0", dtype, shape)


def half_plus(offset: float, stuck: Event) -> Model:
    """x / 2 + ``offset``, and more signatures than a request would want."""
    floats, words = spec(DataType.FLOAT, -1), spec(DataType.STRING, -1)
    ids, count = spec(DataType.INT64, -1), TensorSpec("count:0", DataType.INT64, ())

    def wait(inputs: list[Array]) -> list[Array]:
        stuck.wait(10)
        return inputs

    def lengths(inputs: list[Array]) -> list[Array]:
        """Of each example, twice: as a regression and as the scores of one class."""
        found = np.array([[len(example)] for example in inputs[0]], np.float32)
        return [found, found]

    def classes(inputs: list[Array]) -> list[Array]:
        return [np.array([[b"odd \xc3\xbc", b"even"]] * len(inputs[0]), object), np.float32([[0.1, np.nan]])]

    def break_down(inputs: list[Array]) -> list[Array]:
        raise RuntimeError("a defect of the model")

    kinds: dict[str, tuple[dict[str, TensorSpec], dict[str, TensorSpec], Answer]] = {
        DEFAULT_SIGNATURE: ({"x": floats}, {"y": floats}, lambda x: [x[0] / 2 + np.float32(offset)]),
        "two": ({"x": floats, "n": ids}, {"y": floats, "m": ids}, lambda xs: xs),
        "echo": ({"words": words}, {"words": words}, lambda words: words),
        "bytes": ({"words": words}, {"raw_bytes": words}, lambda words: words),
        "count": ({}, {"total": count}, lambda _: [np.array(1)]),
        "scalar": ({"x": spec(DataType.FLOAT)}, {"y": spec(DataType.FLOAT)}, lambda x: x),
        "stuck": ({"x": floats}, {"y": floats}, wait),
        "regress": ({"inputs": words}, {"outputs": floats}, lengths),
        "classify": ({"inputs": words}, {"classes": words, "scores": floats}, classes),
        "scores": ({"inputs": words}, {"scores": floats}, lengths),
        "flat": ({"inputs": words}, {"scores": floats}, lambda words: [lengths(words)[0].ravel()]),
        "broken": ({"x": floats}, {"y": floats}, break_down),
    }
    signatures = {name: Signature(name, inputs, outputs) for name, (inputs, outputs, _) in kinds.items()}
    return Model(signatures, {name: answer for name, (_, _, answer) in kinds.items()})


class Serving:
    """The parts of a running server that tests look at."""

    def __init__(self, handlers: Handlers, release: Event) -> None:
        self.handlers = handlers
        self.release = release
        """Lets the signature ``stuck`` answer."""

    @property
    def in_flight(self) -> int:
        """Requests that are queued or running."""
        return sum(reading.in_flight_requests for reading in self.handlers.statistics.read())


async def until(holds: Callable[[], bool]) -> None:
    """Return as soon as ``holds``; fail after ten seconds."""
    async with asyncio.timeout(10):
        while not holds():  # noqa: ASYNC110
            await asyncio.sleep(0.01)
