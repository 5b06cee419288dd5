"""A real gRPC server that answers ``y = x / 2 + 2``, and that can be told to misbehave."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import grpc
import numpy as np
import pytest

from workbench.load.requests import RequestSet
from workbench.load.spec import LoadSpec
from workbench.wire import serving_pb2
from workbench.wire.proto_calls import PREDICT


class HalfPlusTwo(grpc.GenericRpcHandler):
    """Counts what it is asked; ``behave`` may delay, refuse or change what the next answers will be."""

    def __init__(self) -> None:
        self.version = 7
        self.asked = 0
        self.behave: Callable[[int, grpc.ServicerContext], float] = lambda number, context: 0.0
        self._lock = threading.Lock()
        self._server = grpc.server(ThreadPoolExecutor(16))
        self._server.add_generic_rpc_handlers((self,))
        self.target = f"127.0.0.1:{self._server.add_insecure_port('127.0.0.1:0')}"
        self._server.start()

    def service(self, details: grpc.HandlerCallDetails) -> grpc.RpcMethodHandler | None:
        if details.method != PREDICT:
            return None
        return grpc.unary_unary_rpc_method_handler(
            self._predict,
            serving_pb2.PredictRequest.FromString,
            serving_pb2.PredictResponse.SerializeToString,
        )

    def stop(self) -> None:
        self._server.stop(None).wait()

    def _predict(
        self, request: serving_pb2.PredictRequest, context: grpc.ServicerContext
    ) -> serving_pb2.PredictResponse:
        with self._lock:
            self.asked += 1
            number = self.asked
        error = self.behave(number, context)
        x = np.frombuffer(request.inputs["x"].tensor_content, np.float32)
        reply = serving_pb2.PredictResponse()
        reply.model_spec.name = "half_plus_two"
        reply.model_spec.version.value = self.version
        reply.outputs["y"].dtype = 1
        reply.outputs["y"].tensor_shape.CopyFrom(request.inputs["x"].tensor_shape)
        reply.outputs["y"].tensor_content = (x / 2 + 2 + error).astype(np.float32).tobytes()
        return reply


@pytest.fixture
def half_plus_two() -> Iterator[HalfPlusTwo]:
    server = HalfPlusTwo()
    yield server
    server.stop()


@pytest.fixture(scope="session")
def x() -> np.ndarray:
    return np.arange(32, dtype=np.float32).reshape(32, 1)


@pytest.fixture(scope="session")
def requests_file(tmp_path_factory: pytest.TempPathFactory, x: np.ndarray) -> Path:
    """32 requests of one row, with what version 7 should answer."""
    path = tmp_path_factory.mktemp("load") / "requests.npz"
    RequestSet.encode("half_plus_two", {"x": x}, expected={7: {"y": x / 2 + 2}}).save(path)
    return path


@pytest.fixture
def spec(half_plus_two: HalfPlusTwo, requests_file: Path) -> LoadSpec:
    """A short run in open loop."""
    return LoadSpec(
        target=half_plus_two.target, requests=str(requests_file), rate=200, duration=0.5, warmup=0.1, seed=1
    )
