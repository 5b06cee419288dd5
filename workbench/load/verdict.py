"""What a measured point may be taken for, and why.

A latency figure means something only if the generator kept its schedule, the server kept up with it
and enough requests were seen. Source of the sample rule: MLPerf LoadGen's early stopping
(``mlcommons/inference``, ``loadgen/early_stopping.cc``), at 99 % confidence.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from math import exp, lgamma, log, log1p

import numpy as np

from workbench.load.histogram import LatencyHistogram
from workbench.load.result import LoadResult, Window
from workbench.load.status import OVERLOAD

CONFIDENCE = 0.99

_TOLERATED = 0.01
_KEEPS_UP = 0.95
_BUSY = 0.95
_SIGNIFICANT = 3.0
_GROWTH = 0.5


class Verdict(StrEnum):
    """From the most to the least trustworthy."""

    STABLE = "stable"
    TOO_FEW_SAMPLES = "too few samples"
    SATURATED = "saturated"
    GENERATOR_LIMITED = "generator-limited"
    FAILING = "failing"


@dataclass(frozen=True, slots=True)
class Judgement:
    """A verdict and its reason, as a sentence for the person who reads the point."""

    verdict: Verdict
    reason: str


def judge(result: LoadResult, slo_ms: float | None) -> Judgement:
    """The verdict on one run.

    What the server did to requests that did leave comes first, then whether the generator sent them
    in time, then whether there were enough of them for a 99th percentile.
    """
    return (
        _failing(result)
        or _saturated(result)
        or _generator_limited(result, slo_ms)
        or _too_few(result, slo_ms)
        or Judgement(Verdict.STABLE, _stable_reason(result, slo_ms))
    )


def requests_needed(percent: float, over: int = 0) -> int:
    """The smallest run in which ``over`` requests above a limit still show that ``percent`` lie below it."""
    low, high = over, max(2 * over, 1)
    while not _convincing(high, percent, over):
        low, high = high, 2 * high
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if _convincing(middle, percent, over) else (middle, high)
    return high


def _convincing(count: int, percent: float, over: int) -> bool:
    """Whether P[Binomial(count, 1 - percent) <= over] is below what the confidence permits."""
    chance = 1 - percent / 100
    ways = (lgamma(count + 1) - lgamma(k + 1) - lgamma(count - k + 1) for k in range(over + 1))
    odds = (k * log(chance) + (count - k) * log1p(-chance) for k in range(over + 1))
    return sum(exp(way + odd) for way, odd in zip(ways, odds, strict=True)) <= 1 - CONFIDENCE


def _failing(result: LoadResult) -> Judgement | None:
    failed = result.failed - result.overloaded
    if result.misrouted:
        reason = f"{result.misrouted:,} of {result.checked:,} checked replies answer another request"
    elif not result.due:
        reason = "no request was due in the measured time"
    elif failed > _TOLERATED * result.due:
        code = max(result.errors.keys() - OVERLOAD, key=lambda code: result.errors[code])
        reason = f"{failed:,} of {result.due:,} requests failed; {code}: {result.error_messages[code]}"
    else:
        return None
    return Judgement(Verdict.FAILING, reason)


def _saturated(result: LoadResult) -> Judgement | None:
    if result.overloaded > (1 - _KEEPS_UP) * result.due:
        lost = _share(result.overloaded, result.due)
        return Judgement(Verdict.SATURATED, f"{lost} of the requests were refused or missed their deadline")
    if result.mode == "closed":
        return None
    unanswered = result.sent - result.completed - result.failed + result.skipped
    if unanswered > (1 - _KEEPS_UP) * result.due and not _few(unanswered):
        due, answered = result.due / result.duration_s, result.completed / result.duration_s
        return Judgement(
            Verdict.SATURATED,
            f"the queue grew: {due:,.0f} requests/s were due, {answered:,.0f} were answered",
        )
    if (growth := _growth(result.windows)) is not None:
        return Judgement(Verdict.SATURATED, f"the latency kept growing, by {growth:.0%} of its mean")
    return None


def _few(count: int) -> bool:
    """A handful of requests under way when the clock stopped is no queue."""
    return count < 10


def _growth(windows: Sequence[Window]) -> float | None:
    """How much the median latency rose over the run relative to its mean, if it did beyond chance."""
    points = [(window.start_s, window.p50_ms) for window in windows if window.answered]
    if len(points) < 5:
        return None
    times, medians = np.array(points).T
    times = (times - times.mean()) / (times[-1] - times[0])
    slope = float(times @ medians / (times @ times))
    residuals = medians - medians.mean() - slope * times
    error = float(np.sqrt(residuals @ residuals / (len(points) - 2) / (times @ times)))
    growth = slope / float(medians.mean())
    return growth if growth > _GROWTH and slope > _SIGNIFICANT * error else None


def _generator_limited(result: LoadResult, slo_ms: float | None) -> Judgement | None:
    busy = result.generator_cpu_s / result.duration_s
    if result.mode == "closed":
        if busy < _BUSY:
            return None
        return Judgement(Verdict.GENERATOR_LIMITED, f"the generator itself used {busy:.0%} of a core")
    allowed = max(1.0, 0.05 * (slo_ms or 0.0))
    lag = LatencyHistogram.decode(result.send_lag).percentile_ms(99)
    if lag <= allowed:
        return None
    return Judgement(
        Verdict.GENERATOR_LIMITED,
        f"p99 of the send lag, which the latencies include, is {lag:.1f} ms ({allowed:.1f} ms is fine); "
        f"the generator used {busy:.0%} of a core",
    )


def _too_few(result: LoadResult, slo_ms: float | None) -> Judgement | None:
    over = _over(result, slo_ms)
    if over > 0.01 * result.succeeded:
        return None
    needed = requests_needed(99, over)
    if result.succeeded >= needed:
        return None
    seconds = result.duration_s * needed / max(result.succeeded, 1)
    claim = "p99" if slo_ms is None else f"p99 within {slo_ms:g} ms"
    with_over = f" when {over} take longer" if over else ""
    return Judgement(
        Verdict.TOO_FEW_SAMPLES,
        f"{claim} needs {needed:,} requests{with_over}, {result.succeeded:,} were measured: "
        f"use duration={np.ceil(seconds):g} or more",
    )


def _over(result: LoadResult, slo_ms: float | None) -> int:
    return 0 if slo_ms is None else result.histogram().count_above_ms(slo_ms)


def _stable_reason(result: LoadResult, slo_ms: float | None) -> str:
    if slo_ms is None:
        return f"{result.succeeded:,} requests answered as fast as they came"
    over = _over(result, slo_ms)
    return f"{_share(over, result.succeeded)} of {result.succeeded:,} requests took longer than {slo_ms:g} ms"


def _share(part: int, whole: int) -> str:
    return f"{part / whole:.2%}" if whole else "0 %"
