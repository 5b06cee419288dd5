"""Real server processes: started with flags, found through their state files, stopped and checked."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import grpc

PATIENCE = 240.0
"""Seconds until a test gives up on a condition: far more than anything takes, even on a busy machine."""


class Server:
    """One ``python -m kernel_server`` with all its files in one folder."""

    def __init__(self, folder: Path, **flags: object) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.log_path = folder / "log"
        self.state_path = folder / "state.json"
        given = {"host": "127.0.0.1", "port": "auto", "device": "cpu", "max_num_load_retries": 0} | flags
        given["state_file"] = self.state_path
        command = [sys.executable, "-m", "kernel_server"]
        command += [f"--{name}={_text(value)}" for name, value in given.items()]
        with self.log_path.open("wb") as log:
            self.process = subprocess.Popen(command, stdout=log, stderr=subprocess.STDOUT)
        self._channels: list[grpc.Channel] = []

    @property
    def log(self) -> str:
        """What the server has printed so far."""
        return self.log_path.read_text(errors="replace")

    @property
    def state(self) -> dict[str, Any]:
        """The state file."""
        return dict(json.loads(self.state_path.read_text()))

    @property
    def ready(self) -> bool:
        """Whether the state file is there; fails when the server has ended instead."""
        assert self.process.poll() is None, f"the server ended:\n{self.log}"
        return self.state_path.exists()

    def wait_until_ready(self) -> Server:
        """Return once requests are served."""
        until(lambda: self.ready, "the server is ready", lambda: self.log)
        return self

    def channel(self, credentials: grpc.ChannelCredentials | None = None, address: str = "") -> grpc.Channel:
        """A channel to the TCP port, or to ``address``; closed together with the server."""
        target = address or self.state["grpc_address"]
        make = grpc.insecure_channel if credentials is None else grpc.secure_channel
        channel = make(target) if credentials is None else make(target, credentials)
        self._channels.append(channel)
        return channel

    def wait(self) -> int:
        """Return the exit status once the server has ended by itself."""
        return self.process.wait(PATIENCE)

    def terminate(self) -> None:
        """Ask the server to drain and end."""
        self.process.send_signal(signal.SIGTERM)

    def close(self) -> None:
        """End the server if it runs: it must exit with 0 and take its state file along."""
        for channel in self._channels:
            channel.close()
        if self.process.poll() is not None:
            return
        self.terminate()
        try:
            assert self.wait() == 0, self.log
            assert not self.state_path.exists()
        finally:
            self.process.kill()
            self.process.wait()


def until(condition: Callable[[], bool], what: str, detail: Callable[[], str] = str) -> None:
    """Return when ``condition`` holds; fails after a long time with ``what`` did not come true."""
    deadline = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < deadline, f"not so in time: {what}\n{detail()}"
        time.sleep(0.02)


def _text(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
