"""Many Predicts that are sent in one piece, so that a server may answer them together."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import tensorflow as tf
from support.h2_client import Answer, H2Client
from support.raw_client import prefixed
from tensorflow_serving.apis import predict_pb2

PREDICT = "/tensorflow.serving.PredictionService/Predict"
_OK = 0


def rows(number: int) -> np.ndarray:
    """Three rows of their own for each call."""
    return np.arange(3, dtype=np.float32) + 10.0 * number


def begin(wire: H2Client, requests: Sequence[predict_pb2.PredictRequest], **fields: str) -> list[int]:
    """Send all in one piece; their streams."""
    return begin_bytes(wire, [request.SerializeToString() for request in requests], **fields)


def begin_bytes(wire: H2Client, messages: Sequence[bytes], **fields: str) -> list[int]:
    """The same with serialized requests."""
    streams = []
    for message in messages:
        streams.append(wire.begin(PREDICT, **fields))
        wire.h2.send_data(streams[-1], prefixed(message), end_stream=True)
    wire.flush()
    return streams


def ask(wire: H2Client, requests: Sequence[predict_pb2.PredictRequest], **fields: str) -> list[Answer]:
    """Send all in one piece; the answers."""
    return [wire.answer(stream) for stream in begin(wire, requests, **fields)]


def ask_bytes(wire: H2Client, messages: Sequence[bytes]) -> list[Answer]:
    """The same with serialized requests."""
    return [wire.answer(stream) for stream in begin_bytes(wire, messages)]


def outputs(answer: Answer) -> dict[str, list[float]]:
    """What an answer without an error holds."""
    assert answer.status == _OK, answer.headers
    reply = predict_pb2.PredictResponse.FromString(answer.message)
    return {name: tf.make_ndarray(proto).tolist() for name, proto in reply.outputs.items()}
