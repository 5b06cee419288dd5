"""The owner of a server is a real Jupyter kernel, restarted and then killed."""

import os
import signal

import pytest
from jupyter_client.manager import KernelManager

from workbench.home import ServerFolder
from workbench.records import read_record

OWNER_TIMEOUT = 10.0
"""Seconds; a restarted kernel on a busy machine needs some to be ready and attach."""


@pytest.fixture
def kernel(tmp_path_factory, monkeypatch):
    monkeypatch.setenv("JUPYTER_RUNTIME_DIR", str(tmp_path_factory.mktemp("runtime")))
    monkeypatch.setenv("WORKBENCH_HOME", str(tmp_path_factory.mktemp("home")))
    manager = KernelManager()
    manager.start_kernel()
    yield manager
    manager.shutdown_kernel(now=True)
    manager.cleanup_resources()


def run(manager, code):
    client = manager.client()
    client.start_channels()
    try:
        client.wait_for_ready(timeout=60)
        reply = client.execute_interactive(code, timeout=60)
        assert reply["content"]["status"] == "ok", reply["content"]
    finally:
        client.stop_channels()


def pid_of(manager):
    return manager.provisioner.pid


def test_a_server_outlives_a_restart_and_ends_after_its_kernel_was_killed(kernel, affine):
    folder = ServerFolder.of("of-a-kernel")
    start = f"Server.start({str(affine)!r}, name='of-a-kernel', device='cpu', owner_timeout={OWNER_TIMEOUT})"
    run(kernel, f"from workbench import Server; server = {start}")
    started = read_record(folder.state)
    assert started.owner.pid == pid_of(kernel)

    kernel.restart_kernel(now=True)
    run(kernel, f"from workbench import Server; server = Server.attach(); server = {start}")
    run(kernel, "assert type(server.outcome).__name__ == 'Reused'")
    attached = read_record(folder.state)
    assert attached.process == started.process
    assert attached.owner.pid == pid_of(kernel) != started.owner.pid
    assert not started.process.wait(OWNER_TIMEOUT + 1.0)

    os.kill(pid_of(kernel), signal.SIGKILL)
    assert started.process.wait(OWNER_TIMEOUT + 20.0)
    assert not folder.state.exists()
