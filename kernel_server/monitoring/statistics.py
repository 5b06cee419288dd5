"""What one queue has done so far: outcomes, stage times, batch sizes, close reasons."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import repeat
from typing import TYPE_CHECKING

import numpy as np

from kernel_server.monitoring.histogram import Histogram, exponential_limits
from kernel_server.monitoring.timing import STAGES, TimingRecord
from kernel_server.monitoring.totals import FOLD_EVERY, Totals

if TYPE_CHECKING:
    from kernel_server.batching.batch import Batch

STAGE_LIMITS = exponential_limits(10.0, 1.25, 64)
"""Microseconds: 10 µs to 12.7 s."""

BATCH_SIZE_LIMITS = exponential_limits(1.0, 2.0, 14)
"""Rows: 1, 2, 4 … 8192."""


@dataclass(slots=True)
class Outcomes:
    """Requests by how they ended."""

    succeeded: int = 0
    failed: int = 0
    shed: int = 0
    cancelled: int = 0


class QueueStatistics:
    """Counters of one signature of one version of ``model``, which also go into ``totals``.

    ``fill`` is the sum of rows / batch limit over the executed batches. Touched by the event loop's
    thread only, so it needs no lock.
    """

    def __init__(self, model: str, totals: Totals) -> None:
        self._model = model
        self._totals = totals
        self._fold_every = FOLD_EVERY
        self.outcomes = Outcomes()
        self.close_reasons: Counter[str] = Counter()
        self.batches = 0
        self.rows = 0
        self.executed_rows = 0
        self.fill = 0.0
        self._records: list[TimingRecord] = []
        self._batch_rows: list[int] = []
        self._stage_micros = {stage: Histogram(STAGE_LIMITS) for stage in STAGES}
        self._batch_size = Histogram(BATCH_SIZE_LIMITS)

    def add(self, record: TimingRecord, count: int = 1) -> None:
        """Count one answered request, or several that went the same way."""
        self._records.extend(repeat(record, count))
        if len(self._records) >= self._fold_every:
            self._fold()

    def add_batch(self, batch: Batch) -> None:
        """Count one executed batch."""
        self.batches += 1
        self.rows += batch.rows
        self.executed_rows += batch.executed_rows
        self.fill += batch.rows / batch.limit
        self.close_reasons[batch.close_reason] += 1
        self._batch_rows.append(batch.rows)
        if len(self._batch_rows) >= self._fold_every:
            self._fold()
        if batch.batched:
            self._totals.add_batch(batch)

    def retire(self) -> None:
        """The version is gone: keep nothing back from the totals, now and when a last answer goes out."""
        self._fold_every = 1
        self._fold()

    @property
    def fill_ratio(self) -> float:
        """Mean of rows / batch limit over the executed batches; 0 before the first."""
        return self.fill / self.batches if self.batches else 0.0

    @property
    def stage_micros(self) -> Mapping[str, Histogram]:
        """Microseconds per request, by stage."""
        self._fold()
        return self._stage_micros

    @property
    def batch_size(self) -> Histogram:
        """Rows per executed batch, before padding."""
        self._fold()
        return self._batch_size

    def _fold(self) -> None:
        if self._records:
            micros = np.array([record.stages() for record in self._records]) * 1e6
            for column, histogram in enumerate(self._stage_micros.values()):
                histogram.add(micros[:, column])
            self._totals.add(self._model, self._records, micros)
            self._records.clear()
        if self._batch_rows:
            self._batch_size.add(self._batch_rows)
            self._batch_rows.clear()
