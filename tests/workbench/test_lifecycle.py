"""Servers coming up, failing to, and ending: each test has processes of its own."""

import os
from dataclasses import replace

import psutil
import pytest

from workbench import Server
from workbench.configuration import saved_configuration
from workbench.errors import (
    CommandNotFound,
    RequestFailed,
    ServerExited,
    ServerNotFound,
    ServerNotResponding,
    StartTimedOut,
)
from workbench.home import ServerFolder
from workbench.launch import Launched, launch


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
        Server.attach(name).stop()
    except ServerNotFound:
        assert_nothing_left(start.folder)


def assert_nothing_left(folder):
    left = {path.name for path in folder.path.iterdir()}
    assert left <= {"configuration.json", "models.config", "batching.config", "server.log", "lock"}


def test_stopping_leaves_nothing_and_can_be_repeated(start):
    server = start()
    assert not start.folder.token.exists()
    assert server.drain() == 0
    assert server.status == "draining"
    with server.client() as client, pytest.raises(RequestFailed) as caught:
        client.predict("affine", [[1, 2, 3]])
    assert caught.value.code == "UNAVAILABLE"
    outcome = server.stop()
    assert (outcome.how, outcome.pid) == ("drained", server.pid)
    assert not server.record.process.alive
    assert_nothing_left(start.folder)
    assert server.stop().how == "already gone"
    assert server.status == "stopped"
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


def test_one_that_does_not_answer_is_not_forgotten_and_can_be_killed(start, monkeypatch):
    monkeypatch.setattr("workbench.discovery.ANSWER_SECONDS", 0.2)
    monkeypatch.setattr("workbench.launch.ANSWER_SECONDS", 0.2)
    monkeypatch.setattr("workbench.launch.SIGNAL_SECONDS", 0.2)
    server = start()
    server.record.process.find().suspend()
    assert server.status == "not responding"
    with pytest.raises(ServerNotResponding, match=f"pid {server.pid}"):
        Server.attach(server.name)
    assert server.pid in [listed.pid for listed in Server.list()]
    assert server.stop(timeout=0.1).how == "killed"
    assert not server.record.process.alive
    assert_nothing_left(start.folder)


def test_what_a_killed_server_left_is_deleted_without_a_word(start):
    server = start()
    server.record.process.find().kill()
    assert server.record.process.wait(10)
    assert start.folder.state.exists()
    with pytest.raises(ServerNotFound):
        Server.attach(server.name)
    assert_nothing_left(start.folder)


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


def test_an_interrupted_start_leaves_no_process(start, monkeypatch):
    def interrupt(seconds):
        raise KeyboardInterrupt

    monkeypatch.setattr("workbench.launch.sleep", interrupt)
    with pytest.raises(KeyboardInterrupt):
        start()
    commands = [process.info["cmdline"] or [] for process in psutil.process_iter(["cmdline"])]
    assert [command for command in commands if f"--name={start.folder.name}" in command] == []
    assert_nothing_left(start.folder)


@pytest.mark.parametrize("script", ['#!/bin/sh\necho "$0: No module named kernel_server"\nexit 1\n', None])
def test_an_interpreter_that_cannot_run_the_server_is_told(start, tmp_path, script):
    with pytest.raises(StartTimedOut):
        start(timeout=0.0)
    interpreter = tmp_path / "python"
    if script:
        interpreter.write_text(script)
        interpreter.chmod(0o755)
    configuration = replace(saved_configuration(start.folder), python=str(interpreter))
    with pytest.raises(CommandNotFound, match="kernel_server"):
        launch(configuration, start.folder, timeout=10.0)
