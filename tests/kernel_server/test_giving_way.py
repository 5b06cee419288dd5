"""Work that leaves the processor to requests."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from time import monotonic
from typing import TYPE_CHECKING

import pytest

from kernel_server.giving_way import giving_way

if TYPE_CHECKING:  # a process of its own imports this file, too
    from support.servers import Server

_SECONDS = 60.0

linux_only = pytest.mark.skipif(sys.platform != "linux", reason="threads have priorities on Linux alone")


def compute(rounds: int = 20_000) -> None:
    """A library's work, without the interpreter's lock; this many take some milliseconds."""
    hashlib.pbkdf2_hmac("sha256", b"", b"", rounds)


def policy() -> int:
    return os.sched_getscheduler(0)


def nice() -> int:
    return os.getpriority(os.PRIO_PROCESS, threading.get_native_id())


def work_until(over: Callable[[], bool]) -> bool:
    """Whether it was over in time."""
    deadline = monotonic() + _SECONDS
    while not over() and monotonic() < deadline:
        compute()
    return over()


def compute_beside_a_busy_interpreter() -> None:
    """On one core, a thread with nothing else to do."""
    os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    begin = threading.Event()

    def spin() -> None:
        begin.wait()
        while True:
            pass

    def work() -> None:
        assert work_until(lambda: policy() == os.SCHED_IDLE)
        begin.set()
        compute(1_000_000)

    threading.Thread(target=spin, daemon=True).start()
    giving_way(work)
    os._exit(0)


def test_what_it_returns_and_raises() -> None:
    assert giving_way(lambda: 3) == 3
    with pytest.raises(KeyError, match="gone"):
        giving_way(lambda: {}["gone"])


@linux_only
def test_it_begins_with_a_low_priority_and_the_caller_keeps_its_own() -> None:
    before = nice(), policy()
    assert giving_way(nice) == before[0] + 5
    assert (nice(), policy()) == before


@linux_only
def test_a_server_of_low_priority_loads_with_a_lower_one() -> None:
    command = "import os, test_giving_way as this; os.nice(10); print(this.giving_way(this.nice))"
    folder = Path(__file__).parent
    told = subprocess.run([sys.executable, "-c", command], cwd=folder, check=True, capture_output=True)
    assert int(told.stdout) == nice() + 15


@linux_only
def test_where_the_processor_is_free_it_is_for_idle_processors() -> None:
    assert giving_way(lambda: work_until(lambda: policy() == os.SCHED_IDLE))


@linux_only
def test_what_waits_rather_than_works_stays_as_it_is() -> None:
    def work() -> int:
        threading.Event().wait(0.2)
        return policy()

    assert giving_way(work) == os.SCHED_OTHER


@linux_only
def test_it_gets_on_beside_an_interpreter_that_never_rests() -> None:
    command = "import test_giving_way as this; this.compute_beside_a_busy_interpreter()"
    folder = Path(__file__).parent
    assert not subprocess.run([sys.executable, "-c", command], cwd=folder, timeout=_SECONDS).returncode


@linux_only
def test_no_thread_that_answers_requests_inherits_it(
    start_server: Callable[..., Server], models: dict[str, Path]
) -> None:
    server = start_server(model_name="half", model_base_path=models["half"]).wait_until_ready()
    threads = [int(task.name) for task in Path(f"/proc/{server.process.pid}/task").iterdir()]
    assert {os.getpriority(os.PRIO_PROCESS, thread) for thread in threads} == {nice()}
    assert os.SCHED_IDLE not in {os.sched_getscheduler(thread) for thread in threads}
