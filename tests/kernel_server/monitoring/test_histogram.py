"""Counts per bucket."""

from __future__ import annotations

import numpy as np
import pytest

from kernel_server.monitoring.histogram import Histogram, exponential_limits


@pytest.fixture
def histogram() -> Histogram:
    return Histogram(exponential_limits(1.0, 2.0, 4))


def test_limits_grow_by_a_factor(histogram: Histogram) -> None:
    assert histogram.limits.tolist() == [1.0, 2.0, 4.0, 8.0]


@pytest.mark.parametrize(
    ("value", "bucket"), [(0, 0), (1, 0), (1.01, 1), (2, 1), (4, 2), (5, 3), (8, 3), (8.1, 4), (1e9, 4)]
)
def test_a_value_goes_below_the_first_limit_that_it_does_not_exceed(
    histogram: Histogram, value: float, bucket: int
) -> None:
    histogram.add(value)
    assert histogram.counts.tolist() == [int(each == bucket) for each in range(5)]


def test_values_add_up(histogram: Histogram) -> None:
    histogram.add([1, 2, 3])
    histogram.add(np.array([3.5, 100]))
    assert (histogram.counts.tolist(), histogram.sum) == ([1, 1, 2, 0, 1], 109.5)


def test_nothing_added_is_nothing_counted(histogram: Histogram) -> None:
    histogram.add([])
    assert (histogram.counts.sum(), histogram.sum) == (0, 0.0)
