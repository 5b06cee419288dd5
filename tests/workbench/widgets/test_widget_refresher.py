"""Looking again and again, in the face of errors and of being told to stop."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

from workbench.widgets.refresher import Refresher

PATIENCE = 10.0


def until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < deadline, "it did not happen"
        time.sleep(0.005)


class Watched:
    """Something to look at that fails while ``broken``."""

    def __init__(self, period: float = 0.01, longest_pause: float = 0.02) -> None:
        self.broken = False
        self.looks: list[float] = []
        self.errors: list[Exception] = []
        self.threads: set[str] = set()
        self.refresher = Refresher(self.look, self.errors.append, period=period, longest_pause=longest_pause)

    def look(self) -> None:
        self.looks.append(time.monotonic())
        self.threads.add(threading.current_thread().name)
        if self.broken:
            raise OSError("down")


def test_it_looks_on_one_thread_until_stopped() -> None:
    watched = Watched()
    watched.refresher.start()
    watched.refresher.start()
    until(lambda: len(watched.looks) > 3)
    thread = next(t for t in threading.enumerate() if t.name == "workbench-refresher")
    watched.refresher.stop()
    thread.join(PATIENCE)
    assert not thread.is_alive()
    assert not watched.refresher.running
    assert watched.threads == {"workbench-refresher"}


def test_errors_are_told_and_looking_goes_on() -> None:
    watched = Watched()
    watched.broken = True
    watched.refresher.start()
    until(lambda: len(watched.errors) > 2)
    watched.broken = False
    told = len(watched.errors)
    until(lambda: len(watched.looks) > told + 3)
    watched.refresher.stop()
    assert {str(error) for error in watched.errors} == {"down"}


def test_pauses_double_while_it_fails_and_are_bounded() -> None:
    watched = Watched(period=0.02, longest_pause=0.08)
    watched.broken = True
    watched.refresher.start()
    until(lambda: len(watched.looks) >= 6)
    watched.refresher.stop()
    pauses = [later - earlier for earlier, later in zip(watched.looks, watched.looks[1:], strict=False)]
    assert all(pause >= least for pause, least in zip(pauses, (0.04, 0.08, 0.08, 0.08), strict=False))


def test_a_nudge_makes_it_look_at_once() -> None:
    watched = Watched(period=3600)
    watched.refresher.start()
    until(lambda: len(watched.looks) == 1)
    watched.refresher.nudge()
    until(lambda: len(watched.looks) == 2)
    watched.refresher.stop()


def test_it_can_be_started_again() -> None:
    watched = Watched(period=3600)
    watched.refresher.start()
    until(lambda: len(watched.looks) == 1)
    watched.refresher.stop()
    watched.refresher.start()
    until(lambda: len(watched.looks) == 2)
    watched.refresher.stop()
