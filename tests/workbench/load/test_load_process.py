"""The generator as users run it: a process of its own against a real server."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import grpc
import psutil
import pytest
from support.children import children_running

from workbench.load import LoadCancelled, LoadFailed, LoadSpec, Progress, run_load

Refuse = Callable[[int, grpc.ServicerContext], float]


def refuse_every(nth: int, code: grpc.StatusCode, message: str) -> Refuse:
    def behave(number: int, context: grpc.ServicerContext) -> float:
        if number % nth == 0:
            context.abort(code, message)
        return 0.0

    return behave


def wait_until(condition: Callable[[], bool], seconds: float = 20.0) -> bool:
    limit = time.monotonic() + seconds
    while not condition() and time.monotonic() < limit:
        time.sleep(0.02)
    return condition()


def generators(of: int) -> list[psutil.Process]:
    """The generator processes that ``of`` has started."""
    return children_running("workbench.load", of)


def test_open_loop_sends_the_whole_schedule_and_checks_every_reply(half_plus_two, spec: LoadSpec) -> None:
    glances: list[Progress] = []

    result = run_load(spec, on_progress=glances.append)

    assert result.mode == "open"
    assert 60 <= result.due <= 140
    assert (result.sent, result.succeeded, result.failed, result.unfinished) == (result.due, result.due, 0, 0)
    assert (result.checked, result.misrouted, result.versions) == (result.due, 0, {7: result.due})
    assert result.histogram().count == result.due
    assert glances and glances[-1].completed <= half_plus_two.asked
    assert generators(os.getpid()) == []


def test_the_same_seed_sends_the_same_schedule(spec: LoadSpec) -> None:
    assert run_load(spec).due == run_load(spec).due


def test_closed_loop_keeps_so_many_requests_in_flight(half_plus_two, spec: LoadSpec) -> None:
    inside, most, lock = 0, 0, threading.Lock()

    def count(number: int, context: grpc.ServicerContext) -> float:
        nonlocal inside, most
        with lock:
            inside += 1
            most = max(most, inside)
        time.sleep(0.005)
        with lock:
            inside -= 1
        return 0.0

    half_plus_two.behave = count
    result = run_load(replace(spec, rate=None, concurrency=3))

    assert result.mode == "closed"
    assert most == 3
    assert result.succeeded == result.sent > 3


@pytest.mark.parametrize("code", [grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.RESOURCE_EXHAUSTED])
def test_sheds_are_counted_and_never_end_the_run(
    half_plus_two, spec: LoadSpec, code: grpc.StatusCode
) -> None:
    half_plus_two.behave = refuse_every(3, code, "the queue is full")

    result = run_load(spec)

    assert result.errors == {code.name: result.shed}
    assert result.error_messages == {code.name: "the queue is full"}
    assert result.succeeded + result.shed == result.due
    assert result.shed == pytest.approx(result.due / 3, abs=result.due / 10)


def test_wrong_answers_are_counted_as_misrouted(half_plus_two, spec: LoadSpec) -> None:
    half_plus_two.behave = lambda number, context: 0.5 if number % 10 == 0 else 0.0

    result = run_load(spec)

    assert result.checked == result.due
    assert 0 < result.misrouted <= result.due / 5


def test_requests_beyond_the_in_flight_limit_are_skipped_and_late_ones_expire(
    half_plus_two, spec: LoadSpec
) -> None:
    half_plus_two.behave = lambda number, context: time.sleep(1.5) or 0.0

    result = run_load(replace(spec, max_in_flight=5, deadline=0.3))

    assert result.skipped > 0
    assert result.errors.keys() == {"DEADLINE_EXCEEDED"}
    assert result.due == result.sent + result.skipped


def test_requests_unanswered_at_the_end_are_told(half_plus_two, spec: LoadSpec) -> None:
    released = threading.Event()
    half_plus_two.behave = lambda number, context: float(not released.wait(30))

    result = run_load(replace(spec, rate=20, deadline=20))

    released.set()
    assert result.unfinished == result.sent > 0


def test_a_target_that_is_not_there_is_an_error_with_its_reason(spec: LoadSpec) -> None:
    with pytest.raises(LoadFailed, match=r"no gRPC server answers at 127\.0\.0\.1:1: Connection refused"):
        run_load(replace(spec, target="127.0.0.1:1"))


def test_a_missing_requests_file_is_an_error(spec: LoadSpec) -> None:
    with pytest.raises(LoadFailed, match="No such file"):
        run_load(replace(spec, requests="/nonexistent.npz"))


def test_a_run_can_be_cancelled_from_another_thread(half_plus_two, spec: LoadSpec) -> None:
    cancel = threading.Event()

    with pytest.raises(LoadCancelled):
        run_load(replace(spec, duration=60), on_progress=lambda progress: cancel.set(), cancel=cancel)

    assert generators(os.getpid()) == []


def start(spec: LoadSpec, *arguments: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "workbench.load", *arguments]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    if not arguments:
        process.stdin.write(spec.to_json() + "\n")
        process.stdin.flush()
    return process


@pytest.mark.parametrize("how", ["SIGTERM", "closed input"])
def test_the_process_cancels_cleanly(spec: LoadSpec, how: str) -> None:
    with start(replace(spec, duration=60)) as process:
        assert json.loads(process.stdout.readline())["event"] == "progress"
        if how == "SIGTERM":
            process.send_signal(signal.SIGTERM)
        else:
            process.stdin.close()
        events = [json.loads(line)["event"] for line in process.stdout]

    assert events[-1] == "cancelled"
    assert process.returncode == 3


def test_the_process_runs_a_spec_from_a_file(spec: LoadSpec, tmp_path: Path) -> None:
    (tmp_path / "spec.json").write_text(spec.to_json())
    with start(spec, str(tmp_path / "spec.json")) as process:
        process.stdin.close()
        events = [json.loads(line) for line in process.stdout]

    assert events[-1]["event"] == "result"
    assert events[-1]["succeeded"] > 0
    assert process.returncode == 0


PARENT = """
import sys
from workbench.load import LoadSpec, run_load
run_load(LoadSpec.from_json(sys.argv[1]), on_progress=lambda progress: print("running", flush=True))
"""


def test_the_generator_dies_with_its_parent_even_when_that_is_killed(spec: LoadSpec) -> None:
    command = [sys.executable, "-c", PARENT, replace(spec, duration=60).to_json()]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout.readline() == "running\n"
        (generator,) = generators(parent.pid)
        parent.kill()

    assert wait_until(lambda: not generator.is_running())


def test_the_generator_needs_neither_tensorflow_nor_grpc() -> None:
    script = "import sys, workbench.load, workbench.load.__main__, workbench.results; print(*sys.modules)"
    modules = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    ).stdout.split()

    assert not {"tensorflow", "grpc", "matplotlib", "IPython"} & set(modules)
