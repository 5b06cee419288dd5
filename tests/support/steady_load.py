"""A steady load on model ``half``, every reply of which is checked."""

from __future__ import annotations

import asyncio
import itertools
import time
from collections import Counter

import grpc.aio
import numpy as np
from support.servers import until
from support.stubs import TIMEOUT, Client, model_config, predict_request
from tensorflow_serving.apis import predict_pb2, prediction_service_pb2_grpc

RATE = 250.0
"""Requests per second, sent whether or not earlier ones are answered."""


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
        sent = np.arange(1 + number % 3) + 10.0 * (number % 100_000)
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


def switch_to(client: Client, base_path: object, version: int) -> None:
    """Serve this version of ``half`` alone; returns when the other one is gone."""
    client.reload(model_config("half", base_path, [version]))

    def alone() -> bool:
        states = {number: state for number, state, _ in client.status("half")}
        return [number for number, state in states.items() if state != "END"] == [version]

    until(alone, f"version {version} serves alone")
