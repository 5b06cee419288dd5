"""What a server holds when it has nothing to do."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import psutil
from support.servers import Server

from kernel_server import tensorflow_environment

MOST_OF_OURS = 100e6
"""Bytes that the server may hold besides TensorFlow and the models."""


def test_an_idle_server_is_little_more_than_tensorflow(
    start_server: Callable[..., Server], models: dict[str, Path]
) -> None:
    server = start_server(
        model_name="half", model_base_path=models["half"], rest_api_port="auto", enable_batching=True
    ).wait_until_ready()
    ours = psutil.Process(server.process.pid).memory_info().rss
    assert ours - resident_of_tensorflow() < MOST_OF_OURS


def resident_of_tensorflow() -> int:
    """Bytes that a process holds once it has imported TensorFlow as the server does."""
    script = (
        f"from {tensorflow_environment.__name__} import prepare; prepare(); import tensorflow; "
        "import psutil; print(psutil.Process().memory_info().rss)"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, check=True)
    return int(done.stdout)
