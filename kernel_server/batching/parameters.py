"""The knobs of batching, with TensorFlow Serving's names, defaults and rules.

Source: ``BatchingParameters`` in ``tensorflow_serving/servables/tensorflow/session_bundle_config.proto``.
"""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from itertools import pairwise

from kernel_server.errors import InvalidArgument


def usable_cpus() -> int:
    """How many CPUs this process may run on, which on a shared machine is fewer than it has."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


@dataclass(frozen=True, slots=True)
class BatchingParameters:
    """How requests are gathered into batches. Sizes count rows: the sum of the requests' dimension 0.

    Raises :class:`~kernel_server.errors.InvalidArgument` when a value breaks a rule.
    """

    max_batch_size: int = 1000
    """Rows of the largest batch; with large-batch splitting, rows of the largest request."""

    batch_timeout_micros: int = 0
    """Longest wait, in microseconds, of a batch's first request for company. An upper bound: a batch
    leaves earlier when it is full or when nothing more is in flight. 0 never waits."""

    max_enqueued_batches: int = 10
    """Batches that may wait in one queue; running ones do not count. More is refused as unavailable."""

    num_batch_threads: int = field(default_factory=usable_cpus)
    """Batches of the model that may run at once."""

    thread_pool_name: str = "batch_threads"
    """Name of the pool in thread names and metrics."""

    allowed_batch_sizes: tuple[int, ...] = ()
    """When given, a batch is padded up to the next of these sizes: ascending, the last one the limit."""

    pad_variable_length_inputs: bool = False
    """Pad dimensions beyond the first to the largest in the batch, so that unequal rows can share it."""

    enable_large_batch_splitting: bool = False
    """Cut requests that do not fit into what is left of a batch and run them as several batches."""

    max_execution_batch_size: int = 0
    """With splitting, rows of the largest executed batch. 0 means ``max_batch_size``."""

    def __post_init__(self) -> None:
        self._require("input_batch_size_limit must be positive", self.max_batch_size, 1)
        self._require("batch_timeout_micros must be non-negative", self.batch_timeout_micros, 0)
        self._require("max_enqueued_batches must be positive", self.max_enqueued_batches, 1)
        self._require("num_batch_threads must be positive", self.num_batch_threads, 1)
        self._require("max_execution_batch_size must be non-negative", self.max_execution_batch_size, 0)
        if self.max_execution_batch_size > self.max_batch_size:
            raise InvalidArgument(
                f"max_execution_batch_size must not exceed max_batch_size {self.max_batch_size}; "
                f"was {self.max_execution_batch_size}"
            )
        self._check_allowed_batch_sizes()

    @staticmethod
    def _require(rule: str, value: int, least: int) -> None:
        if value < least:
            raise InvalidArgument(f"{rule}; was {value}")

    def _check_allowed_batch_sizes(self) -> None:
        sizes = self.allowed_batch_sizes
        if not sizes:
            return
        if sizes[0] < 1 or any(a >= b for a, b in pairwise(sizes)):
            raise InvalidArgument(
                f"allowed_batch_sizes must be positive and ascending; was {', '.join(map(str, sizes))}"
            )
        if sizes[-1] != self.batch_limit:
            name = "max_execution_batch_size" if self.enable_large_batch_splitting else "max_batch_size"
            raise InvalidArgument(
                f"Last entry in allowed_batch_sizes must match {name}; "
                f"last entry was {sizes[-1]}; expected {self.batch_limit}"
            )

    @property
    def batch_limit(self) -> int:
        """Rows of the largest batch that is executed."""
        if self.enable_large_batch_splitting and self.max_execution_batch_size:
            return self.max_execution_batch_size
        return self.max_batch_size

    @property
    def batch_timeout(self) -> float:
        """``batch_timeout_micros`` in seconds."""
        return self.batch_timeout_micros / 1e6
