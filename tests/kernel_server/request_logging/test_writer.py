"""The thread that writes logs."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest

from kernel_server.request_logging.writer import Writer

PATIENCE = 60.0


@pytest.fixture
def writer() -> Iterator[Writer]:
    made = Writer(most_bytes=100_000)
    yield made
    assert made.close(PATIENCE)


def test_work_is_done_in_order(writer: Writer) -> None:
    done: list[int] = []
    for number in range(100):
        assert writer.offer(lambda number=number: done.append(number))
    assert writer.close(PATIENCE)
    assert done == list(range(100))


def test_what_is_too_much_is_refused_until_there_is_room(writer: Writer) -> None:
    hold, begun, over = threading.Event(), threading.Event(), threading.Event()

    def wait() -> None:
        begun.set()
        assert hold.wait(PATIENCE)

    assert writer.offer(wait, 50_000)
    assert begun.wait(PATIENCE)
    assert writer.offer(int, 40_000)
    assert not writer.offer(int, 40_000)
    assert writer.offer(over.set), "work without a size is always taken"
    hold.set()
    assert over.wait(PATIENCE)
    assert writer.offer(int, 40_000)


def test_one_that_is_larger_than_all_goes_through_alone(writer: Writer) -> None:
    done = threading.Event()
    assert writer.offer(done.set, 10**9)
    assert done.wait(PATIENCE)


def test_small_ones_are_bounded_too(writer: Writer) -> None:
    hold = threading.Event()
    assert writer.offer(lambda: assert_(hold.wait(PATIENCE)), 0)
    taken = sum(writer.offer(int, 0) for _ in range(1000))
    hold.set()
    assert 0 < taken < 100


def assert_(held: bool) -> None:
    assert held


def test_without_work_there_is_no_thread() -> None:
    before = threading.active_count()
    writer = Writer()
    assert writer.close(0)
    assert threading.active_count() == before
