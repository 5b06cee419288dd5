"""What a server did so far, as one reading; the difference of two readings is what it did in between."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

import numpy as np

from workbench.wire import control_pb2


@dataclass(frozen=True, slots=True)
class Histogram:
    """Counts per bucket; bucket ``i`` holds ``(limits[i-1], limits[i]]``, the last what exceeds all."""

    limits: tuple[float, ...]
    counts: tuple[int, ...]
    sum: float

    @property
    def count(self) -> int:
        """How many values were counted."""
        return sum(self.counts)

    @property
    def mean(self) -> float:
        """The mean value; NaN when nothing was counted."""
        return self.sum / self.count if self.count else float("nan")

    def quantile(self, fraction: float) -> float:
        """The value that ``fraction`` of all stay below, linear within its bucket; NaN without any."""
        if not self.count:
            return float("nan")
        edges = np.array([0.0, *self.limits, self.limits[-1]])
        cumulative = np.array([0, *np.cumsum(self.counts)])
        return float(np.interp(fraction * self.count, cumulative, edges))

    @classmethod
    def sum_of(cls, histograms: Iterable[Histogram]) -> Histogram:
        """All values of histograms that have the same limits, apart from those without any values."""
        filled = [histogram for histogram in histograms if histogram.count]
        if not filled:
            return _EMPTY
        counts = tuple(map(sum, zip(*(histogram.counts for histogram in filled), strict=True)))
        return cls(filled[0].limits, counts, sum(histogram.sum for histogram in filled))

    def since(self, earlier: Histogram | None) -> Histogram:
        """What was counted after ``earlier``."""
        if earlier is None:
            return self
        counts = tuple(now - then for now, then in zip(self.counts, earlier.counts, strict=True))
        return Histogram(self.limits, counts, self.sum - earlier.sum)


_EMPTY = Histogram((1.0,), (0, 0), 0.0)


@dataclass(frozen=True, slots=True)
class SignatureStatistics:
    """One signature of one model version. Counts run since the version was loaded."""

    model: str
    version: int
    signature: str

    generation: int
    """Of the batching parameters in force."""

    succeeded: int
    failed: int

    shed: int
    """Refused because the queue was full, or expired in it."""

    cancelled: int

    queued_requests: int
    """Now, as are the two below."""

    enqueued_batches: int
    in_flight_requests: int

    stage_micros: Mapping[str, Histogram]
    """Microseconds per request by stage: decode, queue, assemble, compute, encode, total."""

    batch_size: Histogram
    """Rows per executed batch, before padding."""

    batches: int
    rows: int

    executed_rows: int
    """Rows including padding."""

    fill_ratio: float
    """Mean of rows / largest batch over the executed batches."""

    close_reasons: Mapping[str, int]
    """Batches by why they closed: full, timeout, idle, drain."""

    @property
    def key(self) -> tuple[str, int, str]:
        """Model, version and signature."""
        return self.model, self.version, self.signature

    def since(self, earlier: SignatureStatistics | None) -> SignatureStatistics:
        """What happened after ``earlier``; what is true now, and ``fill_ratio``, stay as they are."""
        if earlier is None:
            return self
        return replace(
            self,
            **{name: getattr(self, name) - getattr(earlier, name) for name in _COUNTS},
            stage_micros={
                stage: histogram.since(earlier.stage_micros.get(stage))
                for stage, histogram in self.stage_micros.items()
            },
            batch_size=self.batch_size.since(earlier.batch_size if earlier.batches else None),
            close_reasons={
                reason: count - earlier.close_reasons.get(reason, 0)
                for reason, count in self.close_reasons.items()
            },
        )


_COUNTS = ("succeeded", "failed", "shed", "cancelled", "batches", "rows", "executed_rows")


@dataclass(frozen=True, slots=True)
class Statistics:
    """One reading of a server."""

    uptime_seconds: float
    resident_bytes: int

    cpu_seconds: float
    """CPU time used by the process."""

    signatures: tuple[SignatureStatistics, ...]

    def since(self, earlier: Statistics) -> Statistics:
        """What happened between ``earlier`` and this reading; ``uptime_seconds`` becomes the time between."""
        before = {signature.key: signature for signature in earlier.signatures}
        return Statistics(
            self.uptime_seconds - earlier.uptime_seconds,
            self.resident_bytes,
            self.cpu_seconds - earlier.cpu_seconds,
            tuple(signature.since(before.get(signature.key)) for signature in self.signatures),
        )


def read_statistics(message: control_pb2.Statistics) -> Statistics:
    """The reading in a control message."""
    return Statistics(
        message.uptime_seconds,
        message.resident_bytes,
        message.cpu_seconds,
        tuple(_signature(item) for item in message.signatures),
    )


def _signature(item: control_pb2.SignatureStatistics) -> SignatureStatistics:
    return SignatureStatistics(
        model=item.model,
        version=item.version,
        signature=item.signature,
        generation=item.generation,
        succeeded=item.succeeded,
        failed=item.failed,
        shed=item.shed,
        cancelled=item.cancelled,
        queued_requests=item.queued_requests,
        enqueued_batches=item.enqueued_batches,
        in_flight_requests=item.in_flight_requests,
        stage_micros={stage: _histogram(item.stage_micros[stage]) for stage in sorted(item.stage_micros)},
        batch_size=_histogram(item.batch_size),
        batches=item.batches,
        rows=item.rows,
        executed_rows=item.executed_rows,
        fill_ratio=item.fill_ratio,
        close_reasons=dict(item.close_reasons),
    )


def _histogram(item: control_pb2.Histogram) -> Histogram:
    return Histogram(tuple(item.limits), tuple(item.counts), item.sum) if item.limits else _EMPTY
