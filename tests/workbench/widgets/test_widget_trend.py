"""Readings become numbers to draw, over a window that belongs to one generation."""

from __future__ import annotations

from dataclasses import replace

import pytest

from workbench.batching import BatchingParameters, BatchingState
from workbench.statistics import Histogram, SignatureStatistics, Statistics
from workbench.traffic import TrafficState
from workbench.widgets.session import Snapshot
from workbench.widgets.trend import Trend


def snapshot(seconds: float, batches: tuple[int, ...], *, generation: int = 1, queued: int = 0) -> Snapshot:
    """After ``batches`` by size class 1, 2, 3-4, 5-8 and above, all of them full."""
    rows = sum(size * count for size, count in zip((1, 2, 4, 8, 16), batches, strict=True))
    signature = SignatureStatistics(
        model="m",
        version=1,
        signature="serving_default",
        generation=generation,
        succeeded=rows,
        failed=0,
        shed=0,
        cancelled=0,
        queued_requests=queued,
        enqueued_batches=0,
        in_flight_requests=0,
        stage_micros={},
        batch_size=Histogram((1.0, 2.0, 4.0, 8.0), batches, float(rows)),
        batches=sum(batches),
        rows=rows,
        executed_rows=rows,
        fill_ratio=0.0,
        close_reasons={"full": sum(batches)},
    )
    batching = BatchingState("m", True, generation, BatchingParameters(max_batch_size=8))
    statistics, traffic = Statistics(seconds, 0, 0.0, (signature,)), TrafficState("m", 1, (), None, None)
    return Snapshot("serving", ("m",), "m", (), batching, statistics, traffic)


def test_nothing_is_known_before_anything_ran() -> None:
    reading = Trend().reading()
    assert (reading["rate"], reading["mean_batch"], reading["fill_ratio"]) == (0.0, None, None)
    assert reading["batch_sizes"] == []


def test_rates_and_shares_are_of_the_window() -> None:
    trend = Trend()
    trend.add(snapshot(1.0, (100, 0, 0, 0, 0)))
    trend.add(snapshot(3.0, (101, 0, 0, 3, 0), queued=5))
    reading = trend.reading()
    assert reading["rate"] == pytest.approx(25 / 2)
    assert reading["queued"] == 5
    assert reading["mean_batch"] == pytest.approx(25 / 4)
    assert reading["fill_ratio"] == pytest.approx(25 / 4 / 8)
    assert reading["close_reasons"] == {"full": 1.0}
    assert [(bar["label"], bar["share"]) for bar in reading["batch_sizes"]] == [
        ("1", 0.25),
        ("2", 0.0),
        ("3-4", 0.0),
        ("5-8", 0.75),
    ]


def test_without_batching_every_batch_is_full() -> None:
    trend = Trend()
    for look in (snapshot(1.0, (0, 0, 0, 0, 0)), snapshot(2.0, (3, 0, 0, 0, 0))):
        trend.add(replace(look, batching=replace(look.batching, enabled=False)))
    assert trend.reading()["fill_ratio"] == 1.0
    assert trend.reading()["batch_sizes"] == [{"label": "1", "share": 1.0}]


def test_batches_beyond_the_last_bucket_are_shown() -> None:
    trend = Trend()
    trend.add(snapshot(1.0, (0, 0, 0, 0, 0)))
    trend.add(snapshot(2.0, (0, 0, 0, 0, 4)))
    assert trend.reading()["batch_sizes"][-1] == {"label": "≥9", "share": 1.0}


def test_what_is_older_than_the_window_is_forgotten() -> None:
    trend = Trend()
    for second in range(30):
        trend.add(snapshot(float(second), (10 if second else 0, 0, 0, second, 0)))
    assert trend.reading()["close_reasons"] == {"full": 1.0}
    assert trend.reading()["mean_batch"] == 8.0


@pytest.mark.parametrize("change", ["generation", "restart"])
def test_a_new_generation_or_process_begins_a_new_window(change: str) -> None:
    trend = Trend()
    trend.add(snapshot(5.0, (0, 0, 0, 0, 0)))
    trend.add(snapshot(6.0, (9, 0, 0, 0, 0)))
    new = {
        "generation": snapshot(7.0, (9, 0, 0, 0, 0), generation=2),
        "restart": snapshot(0.1, (0, 0, 0, 0, 0)),
    }
    trend.add(new[change])
    assert trend.reading()["mean_batch"] is None


def test_the_same_look_twice_counts_once() -> None:
    trend = Trend()
    look = snapshot(1.0, (1, 0, 0, 0, 0))
    trend.add(look)
    trend.add(replace(look, models=("m", "n")))
    assert len(trend.reading()["queued_history"]) == 1
