"""Triton's load generator against the server, where it is installed."""

from __future__ import annotations

import shutil
import subprocess

import pytest
from support.servers import PATIENCE, Server

REQUEST = ["-m", "tf1", "--shape", "x:1"]
QUICK = ["--measurement-mode", "count_windows", "--measurement-request-count", "20", "-r", "3", "-s", "999"]
"""Three measurements of few requests, stable or not."""


def obstacle() -> str:
    """Why the program cannot be run here; empty if it can."""
    found = shutil.which("perf_analyzer")
    if found is None:
        return "perf_analyzer is not on the PATH"
    version = subprocess.run([found, "--version"], capture_output=True, text=True)
    return f"perf_analyzer does not run here: {version.stderr.strip()}" if version.returncode else ""


@pytest.mark.skipif(bool(obstacle()), reason=obstacle())
@pytest.mark.parametrize(
    ("kind", "protocol"), [("tfserving", "grpc"), ("triton", "grpc"), ("triton", "http")]
)
def test_it_measures_the_server(server: Server, kind: str, protocol: str) -> None:
    address = server.state["grpc_address" if protocol == "grpc" else "rest_address"].removeprefix("http://")
    command = ["perf_analyzer", "--service-kind", kind, "-i", protocol, "-u", address, *REQUEST, *QUICK]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE)
    assert (ended.returncode, "Throughput: " in ended.stdout) == (0, True), ended.stdout + ended.stderr
