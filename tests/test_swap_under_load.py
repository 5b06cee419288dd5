"""Versions roll and batching parameters change under load, and no reply is lost or mixed up."""

from __future__ import annotations

import asyncio
import itertools
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import grpc.aio
import numpy as np
import pytest
from support.servers import Server, until
from support.stubs import TIMEOUT, Client, model_config, predict_request
from tensorflow_serving.apis import predict_pb2, prediction_service_pb2_grpc

RATE = 250.0
"""Requests per second, sent whether or not earlier ones are answered."""

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


class Load:
    """Sends rows that nobody else sends, and checks each reply against its own row and version."""

    def __init__(self, address: str) -> None:
        self._address = address
        self.answers: Counter[int] = Counter()
        self.wrong: list[str] = []
        self.seconds = 0.0

    async def run(self, until_done: asyncio.Event) -> None:
        """Keep the rate until the event is set, then wait for the last replies."""
        async with grpc.aio.insecure_channel(self._address) as channel:
            stub = prediction_service_pb2_grpc.PredictionServiceStub(channel)
            begin = time.monotonic()
            calls = []
            for number in itertools.count():
                if until_done.is_set():
                    break
                await asyncio.sleep(begin + number / RATE - time.monotonic())
                calls.append(asyncio.create_task(self._call(stub, number)))
            self.seconds = time.monotonic() - begin
            await asyncio.gather(*calls)

    async def _call(self, stub: prediction_service_pb2_grpc.PredictionServiceStub, number: int) -> None:
        sent = np.arange(1 + number % 3) + 10.0 * number
        try:
            reply = await stub.Predict(predict_request("half", sent), timeout=TIMEOUT)
        except grpc.aio.AioRpcError as error:
            self.wrong.append(f"{number}: {error.code()} {error.details()}")
            return
        self._check(number, sent, reply)

    def _check(self, number: int, sent: np.ndarray, reply: predict_pb2.PredictResponse) -> None:
        version = reply.model_spec.version.value
        expected = (sent / 2 + 1.0 + version).astype(np.float32).tolist()
        answer = list(reply.outputs["y"].float_val)
        self.answers[version] += 1
        if answer != expected:
            self.wrong.append(f"{number}: {answer} instead of {expected} from version {version}")


@pytest.fixture
def serving(start_server: Callable[..., Server], models: dict[str, Path]) -> Iterator[tuple[Server, Client]]:
    """Version 1 of ``half``, batched, with room for whatever a busy machine lets wait."""
    server = start_server(model_name="half", model_base_path=models["half"], enable_batching=True)
    client = Client(server.wait_until_ready().channel())
    switch_to(client, models["half"], 1)
    client.replace_batching("half", max_enqueued_batches=1000)
    yield server, client


def switch_to(client: Client, base_path: Path, version: int) -> None:
    """Serve this version alone; returns when the other one is gone."""
    client.reload(model_config("half", base_path, [version]))

    def alone() -> bool:
        states = {number: state for number, state, _ in client.status("half")}
        return [number for number, state in states.items() if state != "END"] == [version]

    until(alone, f"version {version} serves alone")


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
