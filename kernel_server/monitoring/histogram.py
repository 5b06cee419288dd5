"""Counts per bucket, filled many values at a time."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray


def exponential_limits(first: float, growth: float, count: int) -> NDArray[np.float64]:
    """Upper limits of ``count`` buckets: ``first``, ``first * growth`` and so on."""
    return first * growth ** np.arange(count, dtype=np.float64)


class Histogram:
    """How many values fell into each bucket, and their sum.

    Bucket ``i`` holds values in ``(limits[i-1], limits[i]]``; one more bucket holds what exceeds
    the last limit. A vectorised fold beats a call per value: the hot path appends to a list, and
    this adds a thousand at once.
    """

    __slots__ = ("counts", "limits", "sum")

    def __init__(self, limits: NDArray[np.float64]) -> None:
        self.limits = limits
        self.counts: NDArray[np.int64] = np.zeros(len(limits) + 1, np.int64)
        self.sum = 0.0

    def add(self, values: ArrayLike) -> None:
        """Count ``values``, a scalar or an array."""
        array = np.atleast_1d(np.asarray(values, np.float64))
        buckets = np.searchsorted(self.limits, array)
        self.counts += np.bincount(buckets, minlength=len(self.counts))
        self.sum += float(array.sum())
