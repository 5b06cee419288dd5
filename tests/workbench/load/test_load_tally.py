from __future__ import annotations

import numpy as np
import pytest

from workbench.load.caller import Call, Outcome
from workbench.load.check import Checker
from workbench.load.histogram import LatencyHistogram
from workbench.load.requests import RequestSet
from workbench.load.result import LoadResult
from workbench.load.tally import Tally
from workbench.wire import serving_pb2

X = np.arange(3, dtype=np.float32).reshape(3, 1)


def reply(version: int, y: float) -> bytes:
    message = serving_pb2.PredictResponse()
    message.model_spec.version.value = version
    message.outputs["y"].dtype = 1
    message.outputs["y"].tensor_shape.dim.add(size=1)
    message.outputs["y"].tensor_shape.dim.add(size=1)
    message.outputs["y"].float_val.append(y)
    return message.SerializeToString()


@pytest.fixture
def tally() -> Tally:
    """Measures from 10 to 20 s; the right answer to request ``i`` of version 1 is ``i``."""
    requests = RequestSet.encode("m", {"x": X}, expected={1: {"y": X}})
    return Tally(10.0, 20.0, Checker(requests, 1e-3), slo_ms=50.0)


def ok(request: int, scheduled: float, latency: float, lag: float = 0.0, y: float | None = None) -> Outcome:
    body = reply(1, float(request if y is None else y))
    return Outcome(Call(request, scheduled, scheduled + lag), 0, "", body, scheduled + latency)


def error(scheduled: float, status: int, message: str) -> Outcome:
    return Outcome(Call(0, scheduled, scheduled), status, message, b"", scheduled + 1)


def result(tally: Tally) -> LoadResult:
    return tally.result("open", generator_cpu_s=1.0)


def test_latency_counts_from_the_schedule_and_lag_is_told_apart(tally: Tally) -> None:
    tally.send(12.0, 12.25)
    tally.end(ok(1, 12.0, latency=0.75, lag=0.25))

    found = result(tally)

    medians = [
        LatencyHistogram.decode(h).percentile_ms(50)
        for h in (found.latency, found.latency_from_send, found.send_lag)
    ]
    assert medians == pytest.approx([750, 500, 250], rel=2e-3)


def test_what_was_due_before_the_measured_time_only_warms_up(tally: Tally) -> None:
    tally.send(9.9, 9.9)
    tally.end(ok(1, 9.9, latency=0.05))
    tally.end(error(9.9, 13, "early"))

    found = result(tally)

    assert (found.due, found.succeeded, found.completed, found.failed) == (0, 0, 0, 0)


def test_throughput_counts_arrivals_in_the_measured_time_whenever_they_were_due(tally: Tally) -> None:
    tally.end(ok(1, 9.99, latency=0.02))
    tally.end(ok(1, 19.99, latency=0.02))
    tally.end(ok(1, 15.0, latency=0.04))
    tally.end(ok(1, 15.0, latency=0.06))

    found = result(tally)

    assert (found.completed, found.completed_in_slo, found.succeeded) == (3, 2, 3)


def test_errors_are_counted_by_code_with_their_first_message(tally: Tally) -> None:
    for status, message in [(14, "full"), (14, "still full"), (3, "bad shape"), (4, "late"), (99, "odd")]:
        tally.end(error(12.0, status, message))

    found = result(tally)

    assert found.errors == {"UNAVAILABLE": 2, "INVALID_ARGUMENT": 1, "DEADLINE_EXCEEDED": 1, "UNKNOWN": 1}
    assert found.error_messages["UNAVAILABLE"] == "full"
    assert (found.failed, found.shed, found.overloaded) == (5, 2, 3)


def test_skipped_and_unfinished_requests_are_no_secret(tally: Tally) -> None:
    tally.send(12.0, 12.0)
    tally.skip(12.1)
    tally.skip(9.0)
    tally.leave([Call(0, 12.0, 12.0), Call(0, 9.5, 9.5)])

    found = result(tally)

    assert (found.due, found.sent, found.skipped, found.unfinished) == (2, 1, 1, 1)


def test_versions_and_misrouted_replies_are_counted(tally: Tally) -> None:
    tally.end(ok(2, 12.0, 0.01))
    tally.end(ok(2, 12.0, 0.01, y=1.0))
    tally.end(Outcome(Call(0, 12.0, 12.0), 0, "", reply(5, 0.0), 12.01))

    found = result(tally)

    assert found.versions == {1: 2, 5: 1}
    assert (found.checked, found.misrouted) == (2, 1)


def test_windows_divide_the_measured_time_by_when_requests_were_due(tally: Tally) -> None:
    for second in range(10):
        tally.end(ok(0, 10.5 + second, latency=0.1 * (second + 1)))

    windows = result(tally).windows

    assert [window.start_s for window in windows] == pytest.approx(range(10))
    assert [window.p50_ms for window in windows] == pytest.approx([100.0 * n for n in range(1, 11)], rel=2e-3)


def test_a_result_survives_its_way_between_processes(tally: Tally) -> None:
    tally.send(12.0, 12.0)
    tally.end(ok(1, 12.0, 0.01))
    tally.end(error(12.0, 14, "full"))

    found = result(tally)

    assert LoadResult.from_json(found.to_json()).to_json() == found.to_json()
    assert LoadResult.from_json(found.to_json()).versions == {1: 1}
