"""Managers that run for one test."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator

import pytest
from support.manager_bench import PATIENCE, Bench

from kernel_server.core.manager import Manager


@pytest.fixture
def start() -> Iterator[Callable[..., Bench]]:
    """Starts managers with the given options, and stops them after the test."""
    managers: list[Manager] = []

    def make(**options: object) -> Bench:
        managers.append(Manager(**{"load_retry_interval_seconds": 0.0, **options}))  # type: ignore[arg-type]
        bench = Bench(managers[-1])
        bench.manager.start()
        return bench

    yield make
    for manager in managers:
        manager.stop(PATIENCE)
    assert not [
        thread for thread in threading.enumerate() if thread.name.startswith(("manager", "load", "unload"))
    ]


@pytest.fixture
def bench(start: Callable[..., Bench]) -> Bench:
    return start()
