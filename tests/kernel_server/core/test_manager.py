"""The manager under real threads: lookups, swaps, handles, waiting, stop."""

from __future__ import annotations

import logging
import os
import threading
from collections.abc import Callable

import pytest
from support.manager_bench import PATIENCE, Bench, Unit, UnitLoader

from kernel_server.core.manager import Manager, ServableNotFound
from kernel_server.core.policy import ResourcePreserving
from kernel_server.core.servable import ServableId
from kernel_server.core.state import State, VersionState
from kernel_server.errors import DataLoss


def test_highest_version_answers_by_default(bench: Bench) -> None:
    one, two = UnitLoader(), UnitLoader()
    bench.aspire(v1=one, v2=two)
    bench.wait(lambda: bench.manager.available("m") == (2, 1))
    with bench.manager.handle("m") as latest, bench.manager.handle("m", 1) as specific:
        assert (latest.id.version, latest.servable) == (2, two.unit)
        assert (specific.id.version, specific.servable) == (1, one.unit)
    assert bench.manager.names() == ("m",)


@pytest.mark.parametrize(
    ("name", "version", "message"),
    [
        ("other", None, "Servable not found for request: Latest(other)"),
        ("m", 7, "Servable not found for request: Specific(m, 7)"),
    ],
)
def test_unknown_servable(bench: Bench, name: str, version: int | None, message: str) -> None:
    bench.aspire(v1=UnitLoader())
    bench.wait_for(1, State.AVAILABLE)
    with pytest.raises(ServableNotFound) as failure:
        bench.manager.handle(name, version)
    assert failure.value.message == message
    assert (failure.value.name, failure.value.version) == (name, version)


def test_states_of_a_whole_life(bench: Bench) -> None:
    bench.aspire(v1=UnitLoader())
    bench.wait_for(1, State.AVAILABLE)
    bench.aspire()
    assert bench.wait_for(1, State.END).error is None
    assert bench.states(1) == [State.START, State.LOADING, State.AVAILABLE, State.UNLOADING, State.END]
    assert bench.manager.available("m") == ()


def test_lookup_works_before_available_is_told_and_until_unloading_is(bench: Bench) -> None:
    answered: dict[State, bool] = {}

    def look_up(state: VersionState) -> None:
        answered[state.state] = bench.manager.available("m") == (1,)

    bench.manager.monitor.add_listener(look_up)
    bench.aspire(v1=UnitLoader())
    bench.wait_for(1, State.AVAILABLE)
    bench.aspire()
    bench.wait_for(1, State.END)
    bench.manager.stop(PATIENCE)
    assert answered == {
        State.START: False,
        State.LOADING: False,
        State.AVAILABLE: True,
        State.UNLOADING: True,
        State.END: False,
    }


def test_same_aspired_versions_again_change_nothing(bench: Bench) -> None:
    bench.aspire(v1=UnitLoader())
    bench.wait_for(1, State.AVAILABLE)
    again = UnitLoader()
    bench.aspire(v1=again)
    bench.aspire("other", v9=UnitLoader())
    bench.wait_for(9, State.AVAILABLE, "other")
    assert not again.started.is_set()
    assert bench.states(1) == [State.START, State.LOADING, State.AVAILABLE]


def test_old_version_answers_until_the_new_one_does(bench: Bench) -> None:
    gate = threading.Event()
    old, new = UnitLoader(), UnitLoader(gate=gate)
    bench.aspire(v1=old)
    bench.wait_for(1, State.AVAILABLE)
    bench.aspire(v2=new)
    assert new.started.wait(PATIENCE)
    assert bench.manager.available("m") == (1,)
    gate.set()
    bench.wait_for(1, State.END)
    assert bench.manager.available("m") == (2,)
    assert old.unit.closed.is_set() and not new.unit.closed.is_set()


def test_no_lookup_fails_during_swaps(bench: Bench) -> None:
    bench.aspire(v1=UnitLoader())
    bench.wait_for(1, State.AVAILABLE)
    swapped = threading.Event()
    failures: list[BaseException] = []

    def request_until_swapped() -> None:
        try:
            while not swapped.is_set():
                with bench.manager.handle("m") as handle:
                    assert isinstance(handle.servable, Unit)
                    assert not handle.servable.closed.is_set(), "closed while borrowed"
        except BaseException as failure:
            failures.append(failure)

    threads = [threading.Thread(target=request_until_swapped) for _ in range(2)]
    for thread in threads:
        thread.start()
    for version in range(2, 12):
        bench.aspire(**{f"v{version}": UnitLoader()})
        bench.wait_for(version - 1, State.END)
    swapped.set()
    for thread in threads:
        thread.join()
    assert not failures


def test_resource_preserving_never_holds_two_versions(start: Callable[..., Bench]) -> None:
    bench = start(policy=ResourcePreserving())
    old, new = UnitLoader(), UnitLoader()
    bench.aspire(v1=old)
    bench.wait_for(1, State.AVAILABLE)
    borrowed = bench.manager.handle("m")
    bench.aspire(v2=new)
    bench.wait_for(1, State.UNLOADING)
    assert not new.started.is_set()
    borrowed.release()
    bench.wait_for(2, State.AVAILABLE)
    states = [(heard.id.version, heard.state) for heard in bench.heard]
    assert states.index((1, State.END)) < states.index((2, State.LOADING))


def test_unload_waits_for_the_last_handle(bench: Bench) -> None:
    loader = UnitLoader()
    bench.aspire(v1=loader)
    bench.wait_for(1, State.AVAILABLE)
    borrowed = bench.manager.handle("m")
    bench.aspire()
    bench.wait_for(1, State.UNLOADING)
    with pytest.raises(ServableNotFound):
        bench.manager.handle("m")
    assert not loader.unit.closed.is_set()
    borrowed.release()
    bench.wait_for(1, State.END)
    assert loader.unit.closed.is_set()


def test_borrowed_version_does_not_hold_up_other_work(bench: Bench) -> None:
    bench.aspire(v1=UnitLoader())
    bench.wait_for(1, State.AVAILABLE)
    with bench.manager.handle("m"):
        bench.aspire(v2=UnitLoader())
        bench.aspire("other", v9=UnitLoader())
        bench.wait_for(9, State.AVAILABLE, "other")
        bench.aspire("other")
        bench.wait_for(9, State.END, "other")
        assert bench.states(1)[-1] is State.UNLOADING


def test_first_loads_run_side_by_side_and_later_ones_one_by_one(start: Callable[..., Bench]) -> None:
    bench = start(num_load_threads=0)
    together = threading.Event()
    first = [UnitLoader(gate=together) for _ in range(4 * (os.cpu_count() or 1))]
    bench.aspire(**{f"v{n}": loader for n, loader in enumerate(first)})
    for loader in first:
        assert loader.started.wait(PATIENCE)
    together.set()
    bench.wait(lambda: len(bench.manager.available("m")) == len(first))

    gate = threading.Event()
    lower, higher = UnitLoader(), UnitLoader(gate=gate)
    bench.aspire("later", v100=lower, v101=higher)
    assert higher.started.wait(PATIENCE)
    assert not lower.started.is_set()
    gate.set()
    bench.wait_for(100, State.AVAILABLE, "later")


def test_wait_until_available_tells_what_stands_in_the_way(start: Callable[..., Bench]) -> None:
    bench = start(max_num_load_retries=0)
    error = DataLoss("cut short")
    bench.aspire("good", v1=UnitLoader())
    bench.aspire("bad", v2=UnitLoader(error))
    assert bench.manager.wait_until_available(["good", "bad"], PATIENCE) == {
        "bad": VersionState(ServableId("bad", 2), State.END, error)
    }
    assert bench.manager.wait_until_available(["good"], PATIENCE) == {}
    assert bench.manager.wait_until_available(["absent"], timeout=0) == {"absent": None}


def test_wait_until_available_ignores_how_an_earlier_life_ended(start: Callable[..., Bench]) -> None:
    bench = start(max_num_load_retries=0)
    bench.aspire(v1=UnitLoader(DataLoss("cut short")))
    bench.wait_for(1, State.END)
    bench.aspire()
    bench.aspire("other", v9=UnitLoader())
    bench.wait_for(9, State.AVAILABLE, "other")
    bench.aspire(v1=UnitLoader())
    assert bench.manager.wait_until_available(["m"], PATIENCE) == {}


def test_stop_unloads_everything_and_ends_the_waiting(bench: Bench) -> None:
    loaders = {f"v{n}": UnitLoader() for n in range(1, 4)}
    bench.aspire(**loaders)
    bench.wait(lambda: len(bench.manager.available("m")) == 3)
    waiter = threading.Thread(target=bench.manager.wait_until_available, args=(["absent"],))
    waiter.start()
    assert bench.manager.stop(PATIENCE)
    waiter.join(PATIENCE)
    assert not waiter.is_alive()
    assert all(loader.unit.closed.is_set() for loader in loaders.values())
    assert {heard.state for heard in bench.manager.monitor.versions("m")} == {State.END}


def test_stop_gives_up_on_a_handle_that_stays_out(bench: Bench, caplog: pytest.LogCaptureFixture) -> None:
    loader = UnitLoader()
    bench.aspire(v1=loader)
    bench.wait_for(1, State.AVAILABLE)
    with bench.manager.handle("m"), caplog.at_level(logging.WARNING):
        assert not bench.manager.stop(timeout=0.05)
        assert "Stopped while in use: {name: m version: 1}" in caplog.text
        assert not loader.unit.closed.is_set()
    assert loader.unit.closed.wait(PATIENCE)


def test_stop_of_a_manager_that_never_ran() -> None:
    Manager().stop()
