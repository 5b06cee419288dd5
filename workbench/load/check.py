"""Whether a reply is the answer to its own request, and which version gave it."""

from __future__ import annotations

from enum import Enum

import numpy as np
from google.protobuf.message import DecodeError

from workbench.load.requests import Answers, RequestSet
from workbench.wire import serving_pb2
from workbench.wire.codec import Array, decode_predict


class Finding(Enum):
    """What a comparison with the expected answers says."""

    RIGHT = "right"
    MISROUTED = "misrouted"
    UNCHECKED = "unchecked"


class Checker:
    """Compares replies with the answers expected of the version that claims them.

    ``tolerance`` is relative to the largest expected value, for batches of different sizes may round
    differently; anything but floating point must be equal. A version without expected answers leaves
    its replies unchecked; a reply that names no version may match any.
    """

    def __init__(self, requests: RequestSet, tolerance: float):
        self._requests = requests
        self._tolerance = tolerance

    def examine(self, request: int, body: bytes) -> tuple[int, Finding]:
        """The version that answered (0: not named) and whether the answer fits ``request``."""
        if not self._requests.expected:
            return _version(body), Finding.UNCHECKED
        try:
            reply = decode_predict(body)
        except (DecodeError, ValueError):
            return 0, Finding.MISROUTED
        if reply.version and reply.version not in self._requests.expected:
            return reply.version, Finding.UNCHECKED
        versions = [reply.version] if reply.version else list(self._requests.expected)
        candidates = [self._requests.answers(version, request) for version in versions]
        right = any(self._agrees(expected, reply.outputs) for expected in candidates)
        return reply.version, Finding.RIGHT if right else Finding.MISROUTED

    def _agrees(self, expected: Answers, outputs: Answers) -> bool:
        return all(name in outputs and self._equal(array, outputs[name]) for name, array in expected.items())

    def _equal(self, expected: Array, got: Array) -> bool:
        if expected.shape != got.shape:
            return False
        if expected.dtype.kind == "S":
            return bool(np.array_equal(expected, got.astype("S")))
        if expected.dtype.kind not in "fc":
            return bool(np.array_equal(expected, got))
        margin = self._tolerance * float(np.nanmax(np.abs(expected), initial=0.0))
        return bool(np.allclose(got.astype(expected.dtype), expected, rtol=0.0, atol=margin, equal_nan=True))


def _version(body: bytes) -> int:
    try:
        return serving_pb2.PredictResponse.FromString(body).model_spec.version.value
    except DecodeError:
        return 0
