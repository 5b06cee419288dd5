"""One server of all small models, shared by the tests that leave it as it is."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from support.servers import Server
from support.stubs import Client, model_config
from tensorflow_serving.config import model_server_config_pb2

BATCHING = """
max_batch_size { value: 8 }
batch_timeout_micros { value: 2000 }
max_enqueued_batches { value: 1000 }
num_batch_threads { value: 2 }
"""


@pytest.fixture(scope="session")
def server(models: dict[str, Path], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """All models with batching on, ``half`` in both of its versions."""
    folder = tmp_path_factory.mktemp("server")
    configs = [model_config(name, path, "all" if name == "half" else "") for name, path in models.items()]
    config = model_server_config_pb2.ModelServerConfig(model_config_list={"config": configs})
    (folder / "models.txt").write_text(str(config))
    (folder / "batching.txt").write_text(BATCHING)
    (folder / "monitoring.txt").write_text("prometheus_config { enable: true }")
    running = Server(
        folder,
        model_config_file=folder / "models.txt",
        enable_batching=True,
        batching_parameters_file=folder / "batching.txt",
        rest_api_port="auto",
        monitoring_config_file=folder / "monitoring.txt",
    )
    try:
        yield running.wait_until_ready()
    finally:
        running.close()


@pytest.fixture(scope="session")
def client(server: Server) -> Client:
    """The stock stubs, connected to the shared server."""
    return Client(server.channel())


@pytest.fixture
def owner() -> Iterator[subprocess.Popen[bytes]]:
    """A process to own servers, which does nothing until it is killed."""
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as process:
        yield process
        process.kill()
