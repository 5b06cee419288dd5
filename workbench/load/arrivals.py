"""When requests are due: a whole schedule, drawn before the first one is sent.

Times are seconds from the start, ascending. A pre-drawn schedule makes the load independent of how
the server answers (open loop), and the same seed gives the same schedule again.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from workbench.errors import InvalidSetting

Schedule = NDArray[np.float64]


def poisson(rate: float, duration: float, seed: int) -> Schedule:
    """Independent arrivals: exponential gaps, ``rate`` a second on average. The usual model of many users."""
    generator = np.random.default_rng(seed)
    count = generator.poisson(rate * duration)
    return np.sort(generator.uniform(0.0, duration, count))


def constant(rate: float, duration: float, seed: int) -> Schedule:
    """Equal gaps of ``1 / rate``, as a sensor or a paced batch job sends; ``seed`` plays no part."""
    return np.arange(round(rate * duration)) / rate


ARRIVALS: dict[str, Callable[[float, float, int], Schedule]] = {"poisson": poisson, "constant": constant}
"""Every arrival process by name: from rate per second, seconds and seed to send times."""


def schedule(arrivals: str, rate: float, duration: float, seed: int) -> Schedule:
    """The send times of one run.

    Raises :class:`~workbench.errors.InvalidSetting` for a process that is not in :data:`ARRIVALS`.
    """
    if arrivals not in ARRIVALS:
        raise InvalidSetting("arrivals", arrivals, f"choose one of {', '.join(ARRIVALS)}")
    return ARRIVALS[arrivals](rate, duration, seed)
