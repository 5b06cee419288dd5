"""Models take turns in having their requests decoded."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from time import perf_counter

from support.servers import PATIENCE

from kernel_server.turns import SLICE_SECONDS, Turns


def busy(seconds: float) -> None:
    until = perf_counter() + seconds
    while perf_counter() < until:
        pass


def run(scenario: Callable[[Turns], None], done: Callable[[], bool]) -> None:
    """Let ``scenario`` hand in its work within one turn of a loop; return when all is done."""

    loop = asyncio.new_event_loop()

    async def begin() -> None:
        scenario(Turns())

    try:
        loop.run_until_complete(begin())
        limit = perf_counter() + PATIENCE
        while not done():
            assert perf_counter() < limit
            loop.run_until_complete(asyncio.sleep(0))
    finally:
        loop.close()


def test_what_comes_to_an_idle_loop_is_done_at_once() -> None:
    log: list[str] = []

    def scenario(turns: Turns) -> None:
        turns.take("model", lambda: log.append("done"))
        assert log == ["done"]

    run(scenario, lambda: True)


def test_a_model_with_one_request_does_not_wait_for_all_of_another() -> None:
    log: list[str] = []

    def work(name: str) -> Callable[[], None]:
        return lambda: (busy(SLICE_SECONDS / 4), log.append(name))[0]

    def scenario(turns: Turns) -> None:
        for number in range(40):
            turns.take("saturated", work(f"saturated {number}"))
        turns.take("quiet", work("quiet"))

    run(scenario, lambda: len(log) == 41)
    at_once = next(number for number, name in enumerate(log) if name == "quiet")
    assert at_once <= 6
    assert [name for name in log if name != "quiet"] == [f"saturated {number}" for number in range(40)]


def test_every_group_has_one_piece_done_before_any_has_a_second() -> None:
    log: list[str] = []

    def scenario(turns: Turns) -> None:
        turns.take("first", lambda: busy(2 * SLICE_SECONDS))
        for name in "aaabbc":
            turns.take(name, lambda name=name: log.append(name))

    run(scenario, lambda: len(log) == 6)
    assert "".join(log) == "abcaba"


def test_the_loop_sees_to_other_things_between_two_slices() -> None:
    log: list[str] = []

    def scenario(turns: Turns) -> None:
        for _ in range(8):
            turns.take("model", lambda: (busy(SLICE_SECONDS), log.append("request"))[0])
        asyncio.get_running_loop().call_soon(log.append, "other")

    run(scenario, lambda: len(log) == 9)
    assert log.index("other") <= 2


def test_work_handed_in_by_work_is_done_as_well() -> None:
    log: list[str] = []

    def scenario(turns: Turns) -> None:
        turns.take("model", lambda: turns.take("model", lambda: log.append("inner")))

    run(scenario, lambda: log == ["inner"])
