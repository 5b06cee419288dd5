"""The manager when loads fail, are repeated, are called off or undone."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable

import pytest
from support.manager_bench import PATIENCE, Bench, UnitLoader

from kernel_server.core.aspired import Aspired
from kernel_server.core.servable import ServableId
from kernel_server.core.state import State
from kernel_server.errors import Cancelled, DataLoss, Internal, NotFound


def test_failed_load_keeps_its_error_and_the_old_version(start: Callable[..., Bench]) -> None:
    bench = start(max_num_load_retries=0)
    bench.aspire(v1=UnitLoader())
    bench.wait_for(1, State.AVAILABLE)
    broken = UnitLoader(DataLoss("variables are cut short"))
    bench.aspire(v2=broken)
    error = bench.wait_for(2, State.END).error
    assert isinstance(error, DataLoss) and error.message == "variables are cut short"
    assert bench.manager.available("m") == (1,)


def test_roll_back_to_the_version_that_a_failed_one_should_have_replaced(start: Callable[..., Bench]) -> None:
    bench = start(max_num_load_retries=0)
    bench.aspire(v1=UnitLoader())
    bench.wait_for(1, State.AVAILABLE)
    bench.aspire(v2=UnitLoader(DataLoss("cut short")))
    bench.wait_for(2, State.END)
    bench.aspire(v1=UnitLoader())
    bench.aspire("other", v9=UnitLoader())
    bench.wait_for(9, State.AVAILABLE, "other")
    assert bench.states(1) == [State.START, State.LOADING, State.AVAILABLE]
    bench.aspire(v2=UnitLoader())
    bench.wait_for(2, State.AVAILABLE)


def test_failed_version_is_not_tried_again_while_aspired(start: Callable[..., Bench]) -> None:
    bench = start(max_num_load_retries=0)
    bench.aspire(v1=UnitLoader(DataLoss("cut short")))
    bench.wait_for(1, State.END)
    repaired = UnitLoader()
    bench.aspire(v1=repaired, v2=UnitLoader())
    bench.wait_for(2, State.AVAILABLE)
    assert not repaired.started.is_set()
    bench.aspire(v2=UnitLoader())
    bench.aspire(v1=repaired, v2=UnitLoader())
    bench.aspire("other", v9=UnitLoader())
    bench.wait_for(9, State.AVAILABLE, "other")


def test_failed_version_is_tried_again_after_it_was_left_out(start: Callable[..., Bench]) -> None:
    bench = start(max_num_load_retries=0)
    bench.aspire(v1=UnitLoader(DataLoss("cut short")))
    bench.wait_for(1, State.END)
    bench.aspire(v2=UnitLoader())
    bench.wait_for(2, State.AVAILABLE)
    bench.aspire(v1=UnitLoader(), v2=UnitLoader())
    bench.wait_for(1, State.AVAILABLE)


def test_load_is_repeated_until_it_succeeds(start: Callable[..., Bench]) -> None:
    bench = start(max_num_load_retries=2)
    loader = UnitLoader(NotFound("not there yet"), NotFound("still not there"))
    bench.aspire(v1=loader)
    assert bench.wait_for(1, State.AVAILABLE).error is None
    assert loader.failures == []


def test_load_is_repeated_only_so_often(start: Callable[..., Bench]) -> None:
    bench = start(max_num_load_retries=2)
    loader = UnitLoader(*(NotFound(f"attempt {n}") for n in range(1, 9)))
    bench.aspire(v1=loader)
    assert str(bench.wait_for(1, State.END).error) == "attempt 3"
    assert len(loader.failures) == 5


def test_leaving_a_version_out_ends_its_retries(start: Callable[..., Bench]) -> None:
    bench = start(load_retry_interval_seconds=3600.0)
    bench.aspire(v1=UnitLoader(DataLoss("cut short")))
    waiting = bench.manager.wait_until_available(["m"], timeout=0.05)["m"]
    while waiting is None or waiting.error is None:
        waiting = bench.manager.wait_until_available(["m"], timeout=0.01)["m"]
    assert waiting.state is State.LOADING
    bench.aspire()
    assert isinstance(bench.wait_for(1, State.END).error, DataLoss)


def test_load_of_a_version_left_out_meanwhile_is_called_off(bench: Bench) -> None:
    gate = threading.Event()
    loader = UnitLoader(gate=gate)
    bench.aspire(v1=loader)
    assert loader.started.wait(PATIENCE)
    bench.aspire()
    bench.aspire("other", v9=UnitLoader())
    bench.wait_for(9, State.AVAILABLE, "other")
    gate.set()
    error = bench.wait_for(1, State.END).error
    assert isinstance(error, Cancelled) and error.message == "Loading of servable cancelled"
    assert loader.unit.closed.is_set()
    assert State.AVAILABLE not in bench.states(1)


def test_version_wanted_back_while_it_unloads_is_loaded_anew(bench: Bench) -> None:
    first, second = UnitLoader(), UnitLoader()
    bench.aspire(v1=first)
    bench.wait_for(1, State.AVAILABLE)
    with bench.manager.handle("m"):
        bench.aspire()
        bench.wait_for(1, State.UNLOADING)
        bench.aspire(v1=second)
        assert bench.manager.wait_until_available(["m"], timeout=0.05)["m"] is not None
        assert not second.started.is_set()
    bench.wait_for(1, State.AVAILABLE)
    assert first.unit.closed.is_set() and second.started.is_set()


def test_unexpected_exception_of_a_loader_is_an_internal_error(
    start: Callable[..., Bench], caplog: pytest.LogCaptureFixture
) -> None:
    bench = start(max_num_load_retries=0)
    with caplog.at_level(logging.ERROR):
        bench.aspire(v1=UnitLoader(ZeroDivisionError("division by zero")))
        error = bench.wait_for(1, State.END).error
    assert isinstance(error, Internal) and error.message == "ZeroDivisionError: division by zero"
    assert "Traceback" in caplog.text


def test_error_in_place_of_a_loader_ends_the_version(bench: Bench) -> None:
    error = NotFound("no such platform")
    bench.manager.set_aspired("m", [Aspired(ServableId("m", 1), error)])
    assert bench.wait_for(1, State.END).error is error
    assert bench.states(1) == [State.START, State.END]
