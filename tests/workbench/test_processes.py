import os
import subprocess
import sys

import psutil
import pytest

from workbench.errors import InvalidSetting
from workbench.lifetime import owner_of
from workbench.processes import ProcessId


@pytest.fixture
def child():
    process = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    yield process
    process.communicate()


def test_a_running_process_is_alive(child):
    identity = ProcessId.of(child.pid)
    assert identity.alive
    assert identity.find().pid == child.pid


def test_a_process_that_ended_is_not_even_while_nobody_collected_it(child):
    identity = ProcessId.of(child.pid)
    child.stdin.close()
    assert identity.wait(timeout=10.0)
    assert psutil.Process(child.pid).status() == psutil.STATUS_ZOMBIE
    assert not identity.alive


def test_waiting_for_a_process_that_stays_gives_up(child):
    assert not ProcessId.of(child.pid).wait(timeout=0.05)


def test_the_same_pid_with_another_start_is_another_process(child):
    identity = ProcessId.of(child.pid)
    assert not ProcessId(identity.pid, identity.start_time - 3600).alive


def test_this_kernel_owns_a_kernel_server():
    assert owner_of("kernel") == ProcessId.of(os.getpid())


def test_the_jupyter_server_owns_a_session_server(child, monkeypatch):
    monkeypatch.setenv("JPY_PARENT_PID", str(child.pid))
    assert owner_of("session") == ProcessId.of(child.pid)


@pytest.mark.parametrize("announced", ["", "nonsense", "0", str(2**22 + 1)])
def test_outside_jupyter_the_parent_does(announced, monkeypatch):
    monkeypatch.setenv("JPY_PARENT_PID", announced)
    assert owner_of("session") == ProcessId.of(os.getppid())


def test_nobody_owns_a_detached_server():
    assert owner_of("detached") is None


def test_another_word_is_refused():
    with pytest.raises(InvalidSetting, match="kernel, session, detached"):
        owner_of("forever")
