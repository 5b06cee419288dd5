"""Versions roll and batching parameters change under load, and no reply is lost or mixed up."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from benchmarks import swaps
from support.servers import Server
from support.steady_load import Load, switch_to
from support.stubs import Client

REPLACEMENTS: list[dict[str, object]] = [
    {"max_batch_size": 4},
    {"batch_timeout_micros": 5000},
    {"max_batch_size": 64, "allowed_batch_sizes": [8, 64]},
    {"num_batch_threads": 1},
    {"max_batch_size": 3, "allowed_batch_sizes": []},
    {"enable_large_batch_splitting": True, "max_execution_batch_size": 2},
    {"enable_large_batch_splitting": False, "max_execution_batch_size": 0},
    {"batch_timeout_micros": 0, "num_batch_threads": 4},
    {"max_enqueued_batches": 500},
    {"max_batch_size": 128, "pad_variable_length_inputs": True},
]


@pytest.fixture
def serving(start_server: Callable[..., Server], models: dict[str, Path]) -> Iterator[tuple[Server, Client]]:
    """Version 1 of ``half``, batched, with room for whatever a busy machine lets wait."""
    server = start_server(model_name="half", model_base_path=models["half"], enable_batching=True)
    client = Client(server.wait_until_ready().channel())
    switch_to(client, models["half"], 1)
    client.replace_batching("half", max_enqueued_batches=1000)
    yield server, client


def turn_every_knob(client: Client, base_path: Path) -> None:
    """Twenty replacements of batching parameters, and two versions back and forth among them."""
    for number, fields in enumerate(REPLACEMENTS * 2):
        client.replace_batching("half", **fields)
        if number % 5 == 4:
            switch_to(client, base_path, 2 if number % 10 == 4 else 1)
        time.sleep(0.1)


async def test_nothing_is_lost_or_mixed_up(serving: tuple[Server, Client], models: dict[str, Path]) -> None:
    server, client = serving
    load, done = Load(server.state["grpc_address"]), asyncio.Event()
    loading = asyncio.create_task(load.run(done))
    generation = client.batching("half").generation
    await asyncio.to_thread(turn_every_knob, client, models["half"])
    done.set()
    await loading
    assert load.wrong == []
    assert client.batching("half").generation == generation + 2 * len(REPLACEMENTS)
    assert sum(load.answers.values()) >= 200 * load.seconds
    assert min(load.answers[1], load.answers[2]) > 20


def test_memory_comes_back(start_server: Callable[..., Server], tmp_path: Path) -> None:
    """The same as ``benchmarks/swaps.py``, with smaller models and fewer swaps."""
    for version in (1, 2):
        swaps.export(tmp_path / "half", version, megabytes=100)
    (tmp_path / "models.txt").write_text("model_config_list {}")
    server = start_server(model_config_file=tmp_path / "models.txt", enable_batching=True)
    report = swaps.swap(server.wait_until_ready(), tmp_path / "half", swaps=10)
    assert report.wrong == []
    assert report.growth < 1.05, str(report)
    assert report.loaded - report.before > 100e6, str(report)
    assert report.unloaded - report.before < 50e6, str(report)
