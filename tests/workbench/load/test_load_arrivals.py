from __future__ import annotations

import numpy as np
import pytest

from workbench.errors import InvalidSetting
from workbench.load.arrivals import ARRIVALS, schedule


@pytest.mark.parametrize("name", ARRIVALS)
def test_a_schedule_is_ascending_within_the_duration_and_the_same_for_the_same_seed(name: str) -> None:
    times = schedule(name, 500, 4.0, seed=3)

    assert np.all(np.diff(times) >= 0)
    assert times[0] >= 0
    assert times[-1] < 4.0
    assert np.array_equal(times, schedule(name, 500, 4.0, seed=3))


def test_poisson_gaps_have_the_mean_and_the_spread_of_an_exponential_distribution() -> None:
    gaps = np.diff(schedule("poisson", 1000, 50.0, seed=0))

    assert gaps.mean() == pytest.approx(1e-3, rel=0.02)
    assert gaps.std() == pytest.approx(1e-3, rel=0.03)


def test_another_seed_gives_another_poisson_schedule() -> None:
    assert not np.array_equal(
        schedule("poisson", 100, 1.0, seed=1)[:20], schedule("poisson", 100, 1.0, seed=2)[:20]
    )


def test_constant_gaps_are_equal_and_as_many_as_the_rate_says() -> None:
    times = schedule("constant", 250, 2.0, seed=0)

    assert len(times) == 500
    assert np.diff(times) == pytest.approx(np.full(499, 0.004))


def test_an_unknown_process_is_refused_with_the_known_ones() -> None:
    with pytest.raises(InvalidSetting, match=r"'bursty'.*poisson, constant"):
        schedule("bursty", 1, 1, 0)
