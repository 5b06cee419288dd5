"""One request in the words of every protocol that a contender may speak.

Sources: ``tensorflow_serving/apis``, KServe's ``open-inference-protocol`` (``open_inference_grpc.proto``),
TorchServe's ``inference.proto``; of the last two only the fields that one tensor needs, written by hand.
"""

from __future__ import annotations

import base64
import json
import struct
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from workbench.control import REPLACE_SHADOW, REPLACE_SPLIT, Message, Method
from workbench.wire import control_pb2
from workbench.wire.codec import encode_predict
from workbench.wire.proto_calls import PREDICT

Array = NDArray[Any]


@dataclass(frozen=True, slots=True)
class Request:
    """What is posted where; a ``grpc`` body is the message without gRPC's own five bytes before it."""

    kind: Literal["grpc", "json"]
    path: str
    body: bytes

    @property
    def framed(self) -> bytes:
        """The body as HTTP carries it."""
        return b"\0" + struct.pack(">I", len(self.body)) + self.body if self.kind == "grpc" else self.body


def tfs(model: str, x: Array) -> Request:
    """TensorFlow Serving's Predict."""
    return Request("grpc", PREDICT, encode_predict(model, {"x": x}))


def split(model: str, weights: Mapping[int, float]) -> Request:
    """Divide what names no version among those of a model."""
    arms = [
        control_pb2.Arm(target={"version": version}, weight=weight) for version, weight in weights.items()
    ]
    return _control(REPLACE_SPLIT, control_pb2.ReplaceSplitRequest(model=model, arms=arms))


def shadow(model: str, version: int | None) -> Request:
    """Have a version answer copies, or none."""
    target = None if version is None else control_pb2.Target(version=version)
    return _control(REPLACE_SHADOW, control_pb2.ReplaceShadowRequest(model=model, target=target))


def kserve(model: str, x: Array) -> Request:
    """KServe's ModelInfer with raw contents."""
    shape = b"".join(map(_varint, x.shape))
    tensor = _field(1, b"x") + _field(2, b"FP32") + _field(3, shape)
    body = _field(1, model.encode()) + _field(5, tensor) + _field(7, x.tobytes())
    return Request("grpc", "/inference.GRPCInferenceService/ModelInfer", body)


def torchserve(model: str, x: Array) -> Request:
    """TorchServe's Predictions; the benchmark's handler takes the values' bytes."""
    body = _field(1, model.encode()) + _field(3, _field(1, b"data") + _field(2, x.tobytes()))
    return Request("grpc", "/org.pytorch.serve.grpc.inference.InferenceAPIsService/Predictions", body)


def plain_json(path: str) -> Callable[[str, Array], Request]:
    """``{"x": [[...]]}`` posted to one path."""
    return lambda model, x: _json(path, {"x": _short(x)})


def rest_row(model: str, x: Array) -> Request:
    """TensorFlow Serving's row format."""
    return _json(f"/v1/models/{model}:predict", {"instances": _short(x)})


def rest_column(model: str, x: Array) -> Request:
    """TensorFlow Serving's column format."""
    return _json(f"/v1/models/{model}:predict", {"inputs": {"x": _short(x)}})


def rest_b64(model: str, x: Array) -> Request:
    """TensorFlow Serving's row format with binary strings."""
    instances = [{"b64": base64.b64encode(value).decode()} for value in x.tolist()]
    return _json(f"/v1/models/{model}:predict", {"instances": instances})


def status(model: str) -> Request:
    """TensorFlow Serving's question whether a model is there; nothing to post makes it a GET."""
    return Request("json", f"/v1/models/{model}", b"")


def answers(request: Request, reply: bytes, expected: Array) -> bool:
    """Whether ``reply`` holds the expected float32 values, in whatever words, to a thousandth."""
    values = expected.ravel()
    if request.kind == "json":
        got = np.asarray(_numbers(json.loads(reply)), np.float32)
        return got.shape == values.shape and bool(np.allclose(got, values, atol=1e-3))
    candidates = (
        np.frombuffer(reply, "<f4", values.size, at) for at in range(len(reply) - values.nbytes + 1)
    )
    return any(np.allclose(candidate, values, atol=1e-3) for candidate in candidates)


def _control(method: Method[Any], message: Message) -> Request:
    return Request("grpc", method.path, message.SerializeToString())


def _json(path: str, document: Mapping[str, Any]) -> Request:
    return Request("json", path, json.dumps(document).encode())


def _short(x: Array) -> Any:
    """Six digits, as people write floats, rather than the sixteen that make JSON of a float32 long."""
    return np.round(x.astype(np.float64), 6).tolist()


def _numbers(document: Any) -> list[float]:
    """All numbers in there, in order."""
    match document:
        case dict():
            return _numbers(list(document.values()))
        case list():
            return [number for part in document for number in _numbers(part)]
        case float() | int():
            return [document]
    return []


def _varint(number: int) -> bytes:
    digits = bytearray()
    while number > 127:
        digits.append(number & 127 | 128)
        number >>= 7
    return bytes([*digits, number])


def _field(number: int, payload: bytes) -> bytes:
    """A length-delimited field of a protobuf message."""
    return _varint(number << 3 | 2) + _varint(len(payload)) + payload
