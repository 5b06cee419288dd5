from __future__ import annotations

import math

import numpy as np
import pytest

from workbench.load.histogram import LatencyHistogram


def filled(seconds: np.ndarray) -> LatencyHistogram:
    histogram = LatencyHistogram()
    for value in seconds:
        histogram.record(value)
    return histogram


@pytest.fixture(scope="module")
def latencies() -> np.ndarray:
    return np.random.default_rng(0).lognormal(-5, 1, 20_000)


@pytest.mark.parametrize("percent", [50, 90, 99, 99.9])
def test_percentiles_have_three_significant_digits(latencies: np.ndarray, percent: float) -> None:
    exact = np.percentile(latencies, percent, method="inverted_cdf") * 1e3

    assert filled(latencies).percentile_ms(percent) == pytest.approx(exact, rel=2e-3)


def test_mean_maximum_and_count(latencies: np.ndarray) -> None:
    histogram = filled(latencies)

    assert histogram.count == len(latencies)
    assert histogram.mean_ms == pytest.approx(latencies.mean() * 1e3, rel=2e-3)
    assert histogram.max_ms == pytest.approx(latencies.max() * 1e3, rel=2e-3)


def test_merging_two_halves_gives_the_whole(latencies: np.ndarray) -> None:
    merged = LatencyHistogram.merged([filled(latencies[:5000]), filled(latencies[5000:])])

    assert merged.encode() == filled(latencies).encode()


def test_the_encoded_form_comes_back(latencies: np.ndarray) -> None:
    histogram = filled(latencies)

    assert LatencyHistogram.decode(histogram.encode()).encode() == histogram.encode()


def test_counts_above_a_limit() -> None:
    histogram = filled(np.array([0.001, 0.010, 0.020, 0.0201, 0.5]))

    assert histogram.count_above_ms(20) == 2
    assert histogram.count_above_ms(1000) == 0


def test_nothing_recorded_is_nothing_known() -> None:
    assert math.isnan(LatencyHistogram().percentile_ms(99))
    assert math.isnan(LatencyHistogram().mean_ms)


def test_latencies_beyond_the_range_count_at_its_ends() -> None:
    histogram = filled(np.array([-1e-6, 1e6]))

    assert histogram.count == 2
    assert histogram.max_ms == pytest.approx(600_000, rel=2e-3)
