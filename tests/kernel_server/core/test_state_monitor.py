"""The state monitor: remembers, wakes and tells."""

from __future__ import annotations

import logging
import threading

import pytest

from kernel_server.core.servable import ServableId
from kernel_server.core.state import State, StateMonitor, VersionState
from kernel_server.errors import NotFound


def state(version: int, at: State, error: NotFound | None = None) -> VersionState:
    return VersionState(ServableId("m", version), at, error)


def test_versions_are_listed_highest_first_with_ended_ones() -> None:
    monitor = StateMonitor()
    failed = state(10, State.END, NotFound("no file"))
    for record in (state(9, State.AVAILABLE), failed, state(2, State.LOADING), state(2, State.END)):
        monitor.record(record)
    assert monitor.versions("m") == [failed, state(9, State.AVAILABLE), state(2, State.END)]
    assert monitor.versions("unknown") == []
    assert monitor.names() == ("m",)


def test_wait_until_wakes_on_a_record() -> None:
    monitor = StateMonitor()
    recorder = threading.Timer(0.01, monitor.record, [state(1, State.AVAILABLE)])
    recorder.start()
    assert monitor.wait_until(lambda: bool(monitor.versions("m")), timeout=30)
    recorder.join()


def test_wait_until_gives_up() -> None:
    assert not StateMonitor().wait_until(lambda: False, timeout=0)


def test_listeners_hear_every_record_and_may_fail(caplog: pytest.LogCaptureFixture) -> None:
    monitor = StateMonitor()
    heard: list[VersionState] = []

    def fail(_: VersionState) -> None:
        raise RuntimeError("listener is broken")

    monitor.add_listener(fail)
    monitor.add_listener(heard.append)
    with caplog.at_level(logging.ERROR):
        monitor.record(state(1, State.START))
    assert heard == [state(1, State.START)]
    assert "listener is broken" in caplog.text
