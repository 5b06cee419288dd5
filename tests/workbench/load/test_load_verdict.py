"""Verdicts on made-up runs; nothing here depends on how fast this machine is."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from workbench.load.histogram import LatencyHistogram
from workbench.load.result import LoadResult, Window
from workbench.load.verdict import Verdict, judge, requests_needed


def histogram(milliseconds: np.ndarray | list[float]) -> str:
    filled = LatencyHistogram()
    for value in milliseconds:
        filled.record(value / 1e3)
    return filled.encode()


def run(latencies: np.ndarray | list[float] | None = None, lag_ms: float = 0.1, **changes: Any) -> LoadResult:
    """A run of 5 s in which all was well, unless ``changes`` say otherwise."""
    values = np.full(1000, 10.0) if latencies is None else np.asarray(latencies)
    count = len(values)
    usual: dict[str, Any] = {
        "mode": "open",
        "duration_s": 5.0,
        "due": count,
        "sent": count,
        "skipped": 0,
        "succeeded": count,
        "unfinished": 0,
        "completed": count,
        "completed_in_slo": count,
        "errors": {},
        "error_messages": {},
        "latency": histogram(values),
        "latency_from_send": histogram(values),
        "send_lag": histogram(np.full(count, lag_ms)),
        "windows": windows(np.full(10, 10.0)),
        "generator_cpu_s": 1.0,
    }
    return LoadResult(**{**usual, **changes})


def windows(medians: np.ndarray) -> tuple[Window, ...]:
    return tuple(Window(0.5 * number, 100, float(p50), 2 * float(p50)) for number, p50 in enumerate(medians))


@pytest.mark.parametrize(
    ("percent", "over", "needed"),
    [
        (90, 0, 44),
        (95, 1, 130),
        (99, 0, 459),
        (99, 1, 662),
        (99, 5, 1307),
        (99, 10, 2010),
        (99, 50, 6898),
        (99.9, 0, 4603),
        (99.9, 50, 69058),
    ],
)
def test_sample_sizes_are_those_of_mlperf_loadgen(percent: float, over: int, needed: int) -> None:
    assert requests_needed(percent, over) == needed


def test_a_run_in_which_all_was_well_is_stable() -> None:
    judgement = judge(run(), slo_ms=20)

    assert judgement.verdict is Verdict.STABLE
    assert judgement.reason == "0.00% of 1,000 requests took longer than 20 ms"


def test_a_p99_beyond_the_limit_is_a_finding_not_an_instability() -> None:
    assert judge(run(np.linspace(10, 60, 1000)), slo_ms=20).verdict is Verdict.STABLE


@pytest.mark.parametrize(("count", "verdict"), [(458, Verdict.TOO_FEW_SAMPLES), (459, Verdict.STABLE)])
def test_a_p99_needs_459_requests(count: int, verdict: Verdict) -> None:
    assert judge(run(np.full(count, 10.0)), slo_ms=None).verdict is verdict


def test_too_few_samples_says_how_many_and_how_long() -> None:
    latencies = np.array([10.0] * 498 + [30.0] * 2)

    judgement = judge(run(latencies), slo_ms=20)

    assert judgement.verdict is Verdict.TOO_FEW_SAMPLES
    assert judgement.reason == (
        "p99 within 20 ms needs 838 requests when 2 take longer, 500 were measured: use duration=9 or more"
    )


def test_a_growing_queue_is_saturation() -> None:
    judgement = judge(run(due=1000, sent=1000, completed=850, unfinished=20, succeeded=980), slo_ms=20)

    assert judgement.verdict is Verdict.SATURATED
    assert judgement.reason == "the queue grew: 200 requests/s were due, 170 were answered"


def test_a_few_requests_under_way_at_the_end_are_not() -> None:
    assert judge(run(np.full(100, 900.0), completed=91), slo_ms=None).verdict is Verdict.TOO_FEW_SAMPLES


def test_requests_skipped_because_too_many_were_in_flight_are_saturation() -> None:
    judgement = judge(run(due=1200, sent=1000, skipped=200), slo_ms=20)

    assert judgement.verdict is Verdict.SATURATED


def test_a_latency_that_keeps_growing_is_saturation() -> None:
    rising = np.linspace(10, 40, 10) + np.random.default_rng(0).normal(0, 1, 10)

    judgement = judge(run(windows=windows(rising)), slo_ms=None)

    assert judgement.verdict is Verdict.SATURATED
    assert "kept growing" in judgement.reason


@pytest.mark.parametrize(
    "medians",
    [
        np.random.default_rng(1).normal(10, 3, 10),
        np.linspace(40, 10, 10),
        np.linspace(10, 13, 10),
        np.array([10, 10, 60, 10, 10, 10, 10, 10, 10, 10.0]),
    ],
    ids=["noise", "warming up", "slight drift", "one hiccup"],
)
def test_other_courses_of_the_latency_are_not(medians: np.ndarray) -> None:
    assert judge(run(windows=windows(medians)), slo_ms=None).verdict is Verdict.STABLE


@pytest.mark.parametrize("code", ["UNAVAILABLE", "RESOURCE_EXHAUSTED", "DEADLINE_EXCEEDED"])
def test_many_refused_or_late_requests_are_saturation(code: str) -> None:
    shedding = run(due=1200, sent=1200, errors={code: 200}, error_messages={code: "queue full"})

    judgement = judge(shedding, slo_ms=20)

    assert judgement.verdict is Verdict.SATURATED
    assert judgement.reason.startswith("16.67% of the requests")


def test_other_errors_make_a_point_failing() -> None:
    errors = {"NOT_FOUND": 30, "UNAVAILABLE": 100}
    messages = {"NOT_FOUND": "Servable not found", "UNAVAILABLE": "full"}

    judgement = judge(run(due=1130, sent=1130, errors=errors, error_messages=messages), slo_ms=20)

    assert judgement.verdict is Verdict.FAILING
    assert judgement.reason == "30 of 1,130 requests failed; NOT_FOUND: Servable not found"


def test_misrouted_replies_make_a_point_failing() -> None:
    judgement = judge(run(checked=1000, misrouted=40), slo_ms=20)

    assert judgement.verdict is Verdict.FAILING
    assert judgement.reason == "40 of 1,000 checked replies answer another request"


def test_one_misrouted_reply_is_one_too_many() -> None:
    assert judge(run(checked=1000, misrouted=1), slo_ms=20).verdict is Verdict.FAILING


def test_a_point_without_requests_is_failing() -> None:
    assert judge(run([]), slo_ms=None).verdict is Verdict.FAILING


@pytest.mark.parametrize(
    ("lag_ms", "slo_ms", "verdict"),
    [
        (0.9, None, Verdict.STABLE),
        (1.2, None, Verdict.GENERATOR_LIMITED),
        (1.2, 40.0, Verdict.STABLE),
        (2.2, 40.0, Verdict.GENERATOR_LIMITED),
    ],
)
def test_a_late_generator_is_told(lag_ms: float, slo_ms: float | None, verdict: Verdict) -> None:
    assert judge(run(lag_ms=lag_ms), slo_ms).verdict is verdict


def test_a_server_that_does_not_keep_up_counts_for_more_than_a_late_generator() -> None:
    assert judge(run(lag_ms=5.0, completed=500), slo_ms=20).verdict is Verdict.SATURATED


def test_a_closed_loop_is_limited_by_its_generators_core() -> None:
    assert judge(run(mode="closed", lag_ms=5.0), slo_ms=20).verdict is Verdict.STABLE
    busy = judge(run(mode="closed", generator_cpu_s=4.9), slo_ms=20)
    assert busy.verdict is Verdict.GENERATOR_LIMITED
    assert "98% of a core" in busy.reason
