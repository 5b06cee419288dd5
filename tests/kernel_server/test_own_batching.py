"""Versions that bring batching parameters along, in a running server."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import grpc
import pytest
from support.servers import Server, until
from support.stubs import Client, refused


@pytest.fixture
def base_path(models: dict[str, Path], tmp_path: Path) -> Path:
    """Version 1 allows three rows, version 2 says nothing."""
    shutil.copytree(models["half"], tmp_path / "half")
    parameters = "max_batch_size { value: 3 } batch_timeout_micros { value: 7 }"
    (tmp_path / "half" / "1" / "batching_params.pbtxt").write_text(parameters)
    return tmp_path / "half"


@pytest.fixture
def server(start_server: Callable[..., Server], base_path: Path, tmp_path: Path) -> Server:
    (tmp_path / "batching.txt").write_text("max_batch_size { value: 2 } num_batch_threads { value: 1 }")
    (tmp_path / "models.txt").write_text(
        f'model_config_list {{ config {{ name: "half" base_path: "{base_path}" model_platform: "tensorflow" '
        "model_version_policy { all {} } } }"
    )
    server = start_server(
        model_config_file=tmp_path / "models.txt",
        enable_batching=True,
        batching_parameters_file=tmp_path / "batching.txt",
        enable_per_model_batching_parameters=True,
    )
    return server.wait_until_ready()


def test_each_version_is_batched_as_its_folder_says(server: Server, base_path: Path) -> None:
    client = Client(server.channel())
    both = [(2, "AVAILABLE", ""), (1, "AVAILABLE", "")]
    until(lambda: client.status("half") == both, "both versions are available")
    with refused(grpc.StatusCode.INVALID_ARGUMENT, "Task size 4 is larger than maximum input batch size 3"):
        client.predict("half", [1] * 4, version=1)
    assert len(client.predict("half", [1] * 4, version=2)["y"]) == 4
    assert not client.batching("half").enabled

    (base_path / "new").mkdir()
    shutil.copytree(base_path / "1", base_path / "new" / "3")
    (base_path / "new" / "3").rename(base_path / "3")
    until(lambda: client.status("half")[0] == (3, "AVAILABLE", ""), "version 3 is available")
    batching = client.batching("half")
    assert batching.enabled
    assert (batching.parameters.max_batch_size, batching.parameters.batch_timeout_micros) == (3, 7)
    assert (batching.parameters.num_batch_threads, batching.parameters.thread_pool_name) == (
        1,
        "batch_threads",
    )

    replaced = client.replace_batching("half", max_batch_size=4)
    assert replaced.generation > batching.generation
    for version in (1, 2, 3):
        assert len(client.predict("half", [1] * 4, version=version)["y"]) == 4


def test_a_version_with_a_bad_file_does_not_load(server: Server, base_path: Path) -> None:
    client = Client(server.channel())
    bad = base_path / "new" / "4"
    shutil.copytree(base_path / "2", bad)
    (bad / "batching_params.pbtxt").write_text("max_batch_size { value: 8 } allowed_batch_sizes: [2, 4]")
    bad.rename(base_path / "4")
    complaint = (
        "Last entry in allowed_batch_sizes must match max_batch_size; last entry was 4; expected 8 "
        f"(in '{base_path / '4' / 'batching_params.pbtxt'}')"
    )
    until(lambda: client.status("half")[0] == (4, "END", complaint), "version 4 has failed")
    assert client.predict("half", [2])["y"].tolist() == [4.0]
