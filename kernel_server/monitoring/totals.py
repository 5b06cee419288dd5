"""What the server has answered and refused since its start, counted as TensorFlow Serving counts it."""

from __future__ import annotations

import threading
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Sequence
from itertools import repeat
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from kernel_server.errors import ServingError
from kernel_server.monitoring.families import Family, counter, histogram
from kernel_server.monitoring.histogram import Histogram, exponential_limits
from kernel_server.monitoring.timing import QUEUE, TOTAL, UNTIL_COMPUTED, Entry, TimingRecord

if TYPE_CHECKING:
    from kernel_server.batching.batch import Batch

LATENCY_LIMITS = exponential_limits(10.0, 1.8, 33)
"""Microseconds: 10 µs to 25 minutes."""

QUEUING_LIMITS = exponential_limits(100.0, 1.2, 52)
"""Microseconds: 100 µs to 1.1 s."""

EXAMPLE_LIMITS = exponential_limits(1.0, 2.0, 15)
"""Examples: 1, 2, 4 … 16384."""

SIZE_LIMITS = exponential_limits(1.0, 2.0, 20)
"""Rows: 1, 2, 4 … 524288."""

RUNTIME = "TF1"
"""TensorFlow Serving's word for models that run in a session."""

OK = "OK"

FOLD_EVERY = 1024
"""Readings kept before they are counted: large enough to amortise numpy's call cost."""


def _latencies() -> Histogram:
    return Histogram(LATENCY_LIMITS)


def _sizes() -> Histogram:
    return Histogram(SIZE_LIMITS)


class Totals:
    """Counters over all versions of a model, so that none falls when a version is unloaded.

    A model that ``is_known`` denies is counted without its name: callers must not be able to add series at
    will. Touched by the event loop's thread only, but for :meth:`add_request_log`.
    """

    def __init__(self, is_known: Callable[[str], bool] = lambda name: True) -> None:
        self._is_known = is_known
        self._requests: Counter[tuple[str, str]] = Counter()
        self._request_latency: defaultdict[tuple[str, Entry], Histogram] = defaultdict(_latencies)
        self._runtime_latency: defaultdict[tuple[str, str], Histogram] = defaultdict(_latencies)
        self._queuing_latency = Histogram(QUEUING_LIMITS)
        self._examples: defaultdict[str, Histogram] = defaultdict(lambda: Histogram(EXAMPLE_LIMITS))
        self._runs = 0
        self._request_rows: list[int] = []
        self._batches: list[tuple[int, int, bool]] = []
        self._request_size, self._batch_size = _sizes(), _sizes()
        self._padding: defaultdict[int, Histogram] = defaultdict(_sizes)
        self._request_logs: Counter[tuple[str, str]] = Counter()
        self._request_logs_lock = threading.Lock()

    def refuse(self, model: str, error: ServingError) -> None:
        """Count one call that ended in ``error``."""
        self._requests[model if self._is_known(model) else "", error.code] += 1

    def answer(self, model: str, entry: Entry, seconds: float) -> None:
        """Count one call that was answered without a run of the model."""
        self._requests[model, OK] += 1
        self._request_latency[model, entry].add(seconds * 1e6)

    def add(self, model: str, records: Sequence[TimingRecord], micros: NDArray[np.float64]) -> None:
        """Count answered requests to ``model``; a row of ``micros`` holds the stages of one record."""
        self._requests[model, OK] += len(records)
        self._queuing_latency.add(micros[:, QUEUE])
        entries = {record.entry for record in records}
        for entry in entries:
            mine = slice(None) if len(entries) == 1 else [record.entry is entry for record in records]
            self._request_latency[model, entry].add(micros[mine, TOTAL])
            self._runtime_latency[model, entry.method].add(micros[mine, UNTIL_COMPUTED].sum(axis=1))

    def add_examples(self, model: str, examples: int) -> None:
        """Count the examples of one MultiInference; TensorFlow Serving counts those of no other call."""
        self._examples[model].add(examples)

    def add_batch(self, batch: Batch) -> None:
        """Count one run of a batch that still has its pieces."""
        self._runs += 1
        for task in [piece.task for piece in batch.pieces if piece.begin == 0]:
            self._request_rows.extend(repeat(task.rows // task.count, task.count))
        sized = bool(batch.parameters.allowed_batch_sizes)
        self._batches.append((batch.rows, batch.executed_rows, sized))
        if len(self._batches) >= FOLD_EVERY:
            self._fold()

    def add_request_log(self, model: str, status: str) -> None:
        """Count what became of a request that was to be logged; any thread."""
        with self._request_logs_lock:
            self._request_logs[model, status] += 1

    def families(self, pool: str) -> Iterator[Family]:
        """Everything counted so far; ``pool`` is the name of the threads that run batches."""
        self._fold()
        yield counter(
            "/tensorflow/serving/request_count",
            "Calls by how they ended.",
            (({"model_name": model, "status": status}, n) for (model, status), n in self._requests.items()),
        )
        yield histogram(
            "/tensorflow/serving/request_latency",
            "Microseconds from the receipt of a request to its answer; successes only.",
            (
                ({"model_name": model, "API": entry.api, "entrypoint": entry.entrypoint}, found)
                for (model, entry), found in self._request_latency.items()
            ),
        )
        yield histogram(
            "/tensorflow/serving/runtime_latency",
            "Microseconds that a request spent waiting for the model and in it.",
            (
                ({"model_name": model, "API": method, "runtime": RUNTIME}, found)
                for (model, method), found in self._runtime_latency.items()
            ),
        )
        yield self._request_log_family()
        yield from self._example_families()
        yield from self._batching_families(pool)

    def _request_log_family(self) -> Family:
        with self._request_logs_lock:
            logs = [
                ({"model_name": model, "status_code": status}, n)
                for (model, status), n in self._request_logs.items()
            ]
        return counter("/tensorflow/serving/request_log_count", "Sampled requests by how logging went.", logs)

    def _example_families(self) -> Iterator[Family]:
        labelled = [({"model": model}, found) for model, found in self._examples.items()]
        yield histogram("/tensorflow/serving/request_example_counts", "Examples of a request.", labelled)
        yield counter(
            "/tensorflow/serving/request_example_count_total",
            "Examples of all requests.",
            [(labels, int(found.sum)) for labels, found in labelled],
        )

    def _batching_families(self, pool: str) -> Iterator[Family]:
        prefix = "/tensorflow/serving/batching_session/"
        yield histogram(
            prefix + "queuing_latency",
            "Microseconds that a request waited before its batch was assembled.",
            [({"thread_pool_name": pool}, self._queuing_latency)],
        )
        yield counter(prefix + "wrapped_run_count", "Runs of batches.", [({}, self._runs)])
        yield histogram(
            prefix + "padding_size",
            "Rows added to a batch to reach an allowed size.",
            (({"execution_batch_size": str(size)}, found) for size, found in sorted(self._padding.items())),
        )
        yield histogram(prefix + "input_batch_size", "Rows of a request.", [({}, self._request_size)])
        yield histogram(
            prefix + "processed_batch_size", "Rows of a batch, padding included.", [({}, self._batch_size)]
        )

    def _fold(self) -> None:
        if not self._batches:
            return
        rows, executed, sized = np.array(self._batches).T
        self._batch_size.add(executed)
        self._request_size.add(self._request_rows)
        for size in np.unique(executed[sized == 1]):  # without allowed sizes any size may occur
            self._padding[int(size)].add(size - rows[(executed == size) & (sized == 1)])
        self._batches.clear()
        self._request_rows.clear()
