"""The recent past of a server's statistics, as numbers to draw."""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter, deque
from collections.abc import Iterable, Sequence
from typing import Any

from workbench.statistics import Histogram, SignatureStatistics, Statistics
from workbench.widgets.session import Snapshot

WINDOW_SECONDS = 10.0
HISTORY = 60
"""Readings that the sparklines show."""


class Trend:
    """Keeps the readings of one model's last seconds under one generation of batching parameters.

    A new generation, model or server process begins a new window, so that what is shown is the doing of the
    parameters in force.
    """

    def __init__(self) -> None:
        self._subject: tuple[object, ...] = ()
        self._largest = 1
        self._readings: deque[Statistics] = deque()
        self._rates: deque[float] = deque(maxlen=HISTORY)
        self._queued: deque[int] = deque(maxlen=HISTORY)

    def add(self, snapshot: Snapshot) -> None:
        """Takes up one look; the same one again changes nothing."""
        now, batching = snapshot.statistics, snapshot.batching
        if self._readings and now is self._readings[-1]:
            return
        subject = (snapshot.model, batching.generation)
        restarted = bool(self._readings) and now.uptime_seconds < self._readings[-1].uptime_seconds
        if subject != self._subject or restarted:
            self._readings.clear()
        self._subject = subject
        self._largest = batching.parameters.max_batch_size if batching.enabled else 1
        if self._readings and now.uptime_seconds > self._readings[-1].uptime_seconds:
            step = now.since(self._readings[-1])
            self._rates.append(_total(step.signatures, "succeeded") / step.uptime_seconds)
        self._queued.append(_total(now.signatures, "queued_requests"))
        self._readings.append(now)
        while now.uptime_seconds - self._readings[0].uptime_seconds > WINDOW_SECONDS:
            self._readings.popleft()

    def reading(self) -> dict[str, Any]:
        """What happened in the window, ready for the browser. Shares are of 1; None where nothing ran."""
        recent = self._readings[-1].since(self._readings[0]).signatures if self._readings else ()
        batches, rows = _total(recent, "batches"), _total(recent, "rows")
        return {
            "window_s": round(WINDOW_SECONDS),
            "rate": self._rates[-1] if self._rates else 0.0,
            "rate_history": list(self._rates),
            "queued": self._queued[-1] if self._queued else 0,
            "queued_history": list(self._queued),
            "failed": _total(recent, "failed") + _total(recent, "shed"),
            "mean_batch": rows / batches if batches else None,
            "fill_ratio": rows / batches / self._largest if batches else None,
            "batch_sizes": _bars([signature.batch_size for signature in recent], self._largest),
            "close_reasons": _shares(recent),
        }


def _total(signatures: Iterable[SignatureStatistics], name: str) -> int:
    return sum(getattr(signature, name) for signature in signatures)


def _shares(signatures: Iterable[SignatureStatistics]) -> dict[str, float]:
    counts: Counter[str] = Counter()
    for signature in signatures:
        counts.update(signature.close_reasons)
    total = counts.total()
    return {reason: count / total for reason, count in counts.items()} if total else {}


def _bars(histograms: Sequence[Histogram], largest: int) -> list[dict[str, Any]]:
    """One bar per bucket up to the largest batch that may occur or did."""
    counts: Counter[int] = Counter()
    for histogram in histograms:
        counts.update(dict(enumerate(histogram.counts)))
    total = counts.total()
    if not total:
        return []
    limits = max((histogram.limits for histogram in histograms), key=len)
    last = max(index for index, count in counts.items() if count)
    shown = max(last, bisect_left(limits, largest)) + 1
    return [{"label": _label(limits, index), "share": counts[index] / total} for index in range(shown)]


def _label(limits: Sequence[float], index: int) -> str:
    low = int(limits[index - 1]) + 1 if index else 1
    if index == len(limits):
        return f"≥{low}"
    high = int(limits[index])
    return f"{high}" if low >= high else f"{low}-{high}"
