"""Latency histograms: HdrHistogram with three significant digits, from 1 µs to 10 minutes."""

from __future__ import annotations

from collections.abc import Iterable

from hdrh.histogram import HdrHistogram

_HIGHEST_MICROS = 600_000_000
_DIGITS = 3


class LatencyHistogram:
    """Counts latencies; takes seconds, answers milliseconds."""

    def __init__(self) -> None:
        self._micros = HdrHistogram(1, _HIGHEST_MICROS, _DIGITS)

    def record(self, seconds: float) -> None:
        """Count one latency; what lies outside the range is counted at its end."""
        self._micros.record_value(min(max(round(seconds * 1e6), 1), _HIGHEST_MICROS))

    @property
    def count(self) -> int:
        """How many were recorded."""
        return int(self._micros.get_total_count())

    @property
    def mean_ms(self) -> float:
        """The mean, or NaN when empty."""
        return float(self._micros.get_mean_value()) / 1e3 if self.count else float("nan")

    @property
    def max_ms(self) -> float:
        """The largest, or NaN when empty."""
        return float(self._micros.get_max_value()) / 1e3 if self.count else float("nan")

    def percentile_ms(self, percent: float) -> float:
        """The value that ``percent`` of the latencies do not exceed, or NaN when empty."""
        return float(self._micros.get_value_at_percentile(percent)) / 1e3 if self.count else float("nan")

    def count_above_ms(self, limit_ms: float) -> int:
        """How many exceed ``limit_ms``, to the histogram's resolution."""
        limit = self._micros.get_highest_equivalent_value(round(limit_ms * 1e3))
        return sum(
            item.count_added_in_this_iter_step
            for item in self._micros.get_recorded_iterator()
            if item.value_iterated_to > limit
        )

    def encode(self) -> str:
        """HdrHistogram's own compressed base64 form, readable by its tools in any language."""
        return str(self._micros.encode().decode())

    @classmethod
    def decode(cls, encoded: str) -> LatencyHistogram:
        """The histogram that :meth:`encode` wrote."""
        histogram = cls()
        histogram._micros.decode_and_add(encoded.encode())
        return histogram

    @classmethod
    def merged(cls, parts: Iterable[LatencyHistogram]) -> LatencyHistogram:
        """One histogram with the counts of all ``parts``: exact, which averaged percentiles are not."""
        whole = cls()
        for part in parts:
            whole._micros.add(part._micros)
        return whole
