from __future__ import annotations

import numpy as np

from workbench.load.sources import ClosedLoop, OpenLoop


def test_an_open_loop_gives_every_scheduled_time_once_however_late_it_is_asked() -> None:
    source = OpenLoop(100.0, np.array([0.0, 0.5, 0.6, 2.0]))

    assert list(source.due(100.55)) == [100.0, 100.5]
    assert source.next_at() == 100.6
    source.answered(100.6, succeeded=False)
    assert list(source.due(105.0)) == [100.6, 102.0]
    assert source.finished()
    assert source.next_at() == float("inf")


def test_a_closed_loop_has_no_more_requests_under_way_than_callers() -> None:
    source = ClosedLoop(100.0, 110.0, concurrency=2)

    assert len(list(source.due(100.0))) == 2
    assert source.next_at() == float("inf")
    source.answered(101.0, succeeded=True)
    assert source.next_at() == 101.0
    assert len(list(source.due(101.5))) == 1


def test_a_refused_caller_pauses() -> None:
    source = ClosedLoop(100.0, 110.0, concurrency=1)
    list(source.due(100.0))

    source.answered(101.0, succeeded=False)

    assert list(source.due(101.001)) == []
    assert len(list(source.due(102.0))) == 1


def test_a_closed_loop_ends_with_its_time() -> None:
    source = ClosedLoop(100.0, 110.0, concurrency=1)

    assert list(source.due(110.0)) == []
    assert source.finished()
