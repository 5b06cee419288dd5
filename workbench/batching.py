"""The knobs of server-side batching, as a notebook sets and reads them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any, TypedDict, Unpack

from workbench.control import GET_BATCHING, REPLACE_BATCHING, Control
from workbench.errors import InvalidSetting, NothingToUndo
from workbench.wire import control_pb2


@dataclass(frozen=True, slots=True)
class BatchingParameters:
    """How requests are gathered into batches; sizes count rows, the sum of the requests' dimension 0.

    The names are TensorFlow Serving's, two defaults are not. Its ``max_batch_size`` of 1000 is more than a
    model on a notebook's CPU gains from: throughput levels off near a hundred rows, while every further row
    delays all others in its batch. Its ``batch_timeout_micros`` of 0 never waits for company, so batches
    hardly form below saturation; 2 ms are less than a person or a web page notices, and they are an upper
    bound: a batch leaves earlier when it is full or when nobody else is expected. A rule broken here is
    reported by the server.
    """

    max_batch_size: int = 128
    """Rows of the largest batch."""

    batch_timeout_micros: int = 2000
    """Longest wait of a batch's first request for company, in microseconds."""

    max_enqueued_batches: int = 10
    """Batches that may wait in one queue; more are refused as ``UNAVAILABLE``."""

    num_batch_threads: int | None = None
    """Batches that may run at once; ``None`` is the number of CPUs."""

    allowed_batch_sizes: tuple[int, ...] = ()
    """When given, batches are padded up to the next of these sizes; the last one is the largest batch."""

    pad_variable_length_inputs: bool = False
    """Pad the dimensions after the first to the largest in the batch."""

    enable_large_batch_splitting: bool = False
    """Cut requests that do not fit and run them as several batches."""

    max_execution_batch_size: int | None = None
    """With splitting, rows of the largest executed batch; ``None`` is ``max_batch_size``."""

    @classmethod
    def of(cls, values: BatchingParameters | Mapping[str, Any] | None) -> BatchingParameters:
        """Parameters from parameters, a mapping with some of the fields, or ``None`` for the defaults.

        Raises :class:`InvalidSetting` for a name that is no field.
        """
        if isinstance(values, BatchingParameters):
            return values
        given = dict(values or {})
        _check_names(given)
        if "allowed_batch_sizes" in given:
            given["allowed_batch_sizes"] = tuple(given["allowed_batch_sizes"])
        return cls(**given)

    def to_text(self) -> str:
        """The same as a TensorFlow Serving batching parameters file."""
        lines = []
        for name, value in asdict(self).items():
            if name == "allowed_batch_sizes":
                lines += [f"{name}: {size}" for size in value]
            elif name == "pad_variable_length_inputs":
                lines.append(f"{name}: {json.dumps(value)}")
            elif value is not None:
                lines.append(f"{name} {{ value: {json.dumps(value)} }}")
        return "\n".join(lines) + "\n"


class BatchingFields(TypedDict, total=False):
    """Some of the fields of :class:`BatchingParameters`."""

    max_batch_size: int
    batch_timeout_micros: int
    max_enqueued_batches: int
    num_batch_threads: int
    allowed_batch_sizes: tuple[int, ...]
    pad_variable_length_inputs: bool
    enable_large_batch_splitting: bool
    max_execution_batch_size: int


@dataclass(frozen=True, slots=True)
class BatchingState:
    """The parameters in force for one model. ``generation`` counts their replacements."""

    model: str
    enabled: bool
    generation: int
    parameters: BatchingParameters

    def __str__(self) -> str:
        if not self.enabled:
            return f"off (generation {self.generation})"
        return (
            f"up to {self.parameters.max_batch_size} rows, {self.parameters.batch_timeout_micros} µs, "
            f"{self.parameters.num_batch_threads} threads (generation {self.generation})"
        )


class BatchingControl:
    """Reads and replaces the parameters while requests flow; remembers what to undo."""

    def __init__(self, control: Control) -> None:
        self._control = control
        self._replaced: dict[str, list[BatchingState]] = {}
        self._latest: dict[str, int] = {}

    def read(self, model: str) -> BatchingState:
        """The parameters in force."""
        return _state(self._control.call(GET_BATCHING, control_pb2.GetBatchingRequest(model=model)))

    def replace(
        self, model: str, *, enabled: bool = True, **changes: Unpack[BatchingFields]
    ) -> BatchingState:
        """Change some fields, or switch batching off or on; between two batches, nothing is reloaded."""
        before = self.read(model)
        after = self._send(model, changes, enabled, before.generation)
        self._replaced.setdefault(model, []).append(before)
        return after

    def undo(self, model: str) -> BatchingState:
        """Return to the parameters before the last replacement made through this object.

        Raises :class:`NothingToUndo` when there was none, and :class:`~workbench.errors.RequestFailed` with
        ``FAILED_PRECONDITION`` when somebody else replaced them since.
        """
        history = self._replaced.get(model)
        if not history:
            raise NothingToUndo(model, "batching parameters")
        earlier = history[-1]
        after = self._send(model, _as_changes(earlier.parameters), earlier.enabled, self._latest[model])
        history.pop()
        return after

    def _send(self, model: str, changes: Mapping[str, Any], enabled: bool, generation: int) -> BatchingState:
        """Replace unless ``generation`` is no longer in force."""
        _check_names(changes)
        request = control_pb2.ReplaceBatchingRequest(
            model=model,
            parameters=control_pb2.BatchingParameters(**changes),
            expected_generation=generation,
            disable=not enabled,
            keep_allowed_batch_sizes="allowed_batch_sizes" not in changes,
        )
        state = _state(self._control.call(REPLACE_BATCHING, request))
        self._latest[model] = state.generation
        return state


_NAMES = tuple(field.name for field in fields(BatchingParameters))


def _check_names(values: Mapping[str, Any]) -> None:
    for name in values:
        if name not in _NAMES:
            raise InvalidSetting(name, values[name], f"batching parameters are {', '.join(_NAMES)}")


def _as_changes(parameters: BatchingParameters) -> dict[str, Any]:
    return {name: value for name, value in asdict(parameters).items() if value is not None}


def _state(reply: control_pb2.Batching) -> BatchingState:
    given = {name: getattr(reply.parameters, name) for name in _NAMES}
    given["allowed_batch_sizes"] = tuple(reply.parameters.allowed_batch_sizes)
    return BatchingState(reply.model, reply.enabled, reply.generation, BatchingParameters(**given))
