"""Servers coming up, failing to, changing hands and ending: each test has processes of its own."""

import os
import signal
import subprocess
import sys
import textwrap

import pytest

from workbench import Server
from workbench.errors import (
    CommandNotFound,
    ServerExited,
    ServerNotFound,
    ServerNotResponding,
    StartTimedOut,
)
from workbench.home import ServerFolder
from workbench.launch import Launched
from workbench.processes import ProcessId


@pytest.fixture
def start(affine, request):
    """Starts servers named after the test and sees them to their end."""
    name = request.node.name.removeprefix("test_")[:24]

    def start(models=affine, **settings):
        settings = {"name": name, "device": "cpu", "rest": False} | settings
        return Server.start(models, **settings)

    start.folder = ServerFolder.of(name)
    yield start
    try:
        server = Server.attach(name)
    except ServerNotFound:
        pass
    else:
        server.stop()
    assert_nothing_left(start.folder)


def assert_nothing_left(folder):
    left = {path.name for path in folder.path.iterdir()}
    assert left <= {"configuration.json", "models.config", "batching.config", "server.log", "lock"}


def test_stopping_leaves_nothing_and_can_be_repeated(start):
    server = start()
    outcome = server.stop()
    assert outcome.how == "drained"
    assert outcome.pid == server.pid
    assert not server.record.process.alive
    assert server.status == "stopped"
    assert_nothing_left(start.folder)
    assert server.stop().how == "already gone"
    assert "stopped" in server._repr_html_()


def test_a_restart_renews_the_object(start):
    server = start(batching={"max_batch_size": 32})
    first = server.pid
    assert server.restart() is server
    assert server.pid != first
    assert isinstance(server.outcome, Launched)
    assert server.batching().parameters.max_batch_size == 32
    replaced = start(batching=False, restart=True)
    assert replaced.pid != server.pid
    assert not server.record.process.alive
    assert not replaced.batching().enabled


def test_a_process_that_ignores_everything_is_killed(start):
    server = start()
    server.record.process.find().suspend()
    outcome = server.stop(timeout=0.1)
    assert outcome.how == "killed"
    assert not server.record.process.alive
    assert_nothing_left(start.folder)


def test_one_that_does_not_answer_is_not_forgotten(start, monkeypatch):
    monkeypatch.setattr("workbench.discovery.ANSWER_SECONDS", 0.2)
    server = start()
    server.record.process.find().suspend()
    assert server.status == "not responding"
    with pytest.raises(ServerNotResponding, match=f"pid {server.pid}"):
        Server.attach(server.name)
    assert server.pid in [listed.pid for listed in Server.list()]
    server.record.process.find().resume()


def test_the_record_of_a_killed_server_is_deleted_without_a_word(start):
    server = start()
    server.record.process.find().kill()
    assert server.record.process.wait(10)
    assert start.folder.state.exists()
    with pytest.raises(ServerNotFound):
        Server.attach(server.name)
    assert_nothing_left(start.folder)


def test_a_start_in_the_place_of_a_killed_server_works(start):
    server = start()
    server.record.process.find().kill()
    assert server.record.process.wait(10)
    assert isinstance(start().outcome, Launched)


def test_a_flag_the_server_refuses_is_told_with_its_log(start):
    with pytest.raises(ServerExited) as caught:
        start(device="gpu:99")
    assert caught.value.code != 0
    assert "gpu" in caught.value.log_tail.lower()
    assert str(start.folder.log) in str(caught.value)


def test_a_model_that_does_not_load_is_told_with_its_log(start, tmp_path):
    (tmp_path / "broken" / "1").mkdir(parents=True)
    (tmp_path / "broken" / "1" / "saved_model.pb").write_bytes(b"nonsense")
    with pytest.raises(ServerExited) as caught:
        start(tmp_path / "broken")
    assert "broken" in caught.value.log_tail


def test_a_start_that_takes_too_long_is_ended(start):
    with pytest.raises(StartTimedOut, match=r"timeout=") as caught:
        start(timeout=0.05)
    with pytest.raises(ProcessLookupError):
        os.kill(caught.value.pid, 0)


def test_an_interpreter_without_the_server_is_told(start, monkeypatch, tmp_path):
    (tmp_path / "python").write_text('#!/bin/sh\necho "$0: No module named kernel_server"\nexit 1\n')
    (tmp_path / "python").chmod(0o755)
    monkeypatch.setattr("workbench.configuration.sys.executable", str(tmp_path / "python"))
    with pytest.raises(CommandNotFound, match="kernel_server"):
        start()


OWNER = """
    import sys
    from workbench import Server
    server = Server.start({models!r}, name={name!r}, device="cpu", rest=False, owner_timeout={timeout})
    print(server.pid, flush=True)
    sys.stdin.read()
"""


@pytest.fixture
def start_from_a_kernel(start, affine):
    """Starts a server from a process that is then killed, as a kernel may be."""

    def start_and_kill(owner_timeout):
        code = textwrap.dedent(OWNER).format(
            models=str(affine), name=start.folder.name, timeout=owner_timeout
        )
        kernel = subprocess.Popen(
            [sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        server = ProcessId.of(int(kernel.stdout.readline()))
        kernel.send_signal(signal.SIGKILL)
        kernel.communicate()
        return server

    return start_and_kill


def test_a_server_ends_after_its_kernel_was_killed(start_from_a_kernel, start):
    server = start_from_a_kernel(owner_timeout=0.5)
    assert server.wait(20)
    assert_nothing_left(start.folder)


def test_attaching_from_another_kernel_renews_the_lease(start_from_a_kernel, start):
    process = start_from_a_kernel(owner_timeout=3.0)
    server = Server.attach(start.folder.name)
    assert server.pid == process.pid
    assert not process.wait(4.0)
    assert Server.attach(server.name).record.owner == ProcessId.of()


def test_attaching_leaves_a_server_to_the_kernel_that_has_it(start):
    server = start()
    assert Server.attach(server.name).record.owner == ProcessId.of()
    server.stop()


def test_draining_answers_what_is_in_flight_and_refuses_the_rest(start):
    server = start()
    assert server.drain() == 0
    assert server.status == "draining"
