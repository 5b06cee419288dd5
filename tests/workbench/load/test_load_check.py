from __future__ import annotations

import numpy as np
import pytest

from workbench.load.check import Checker, Finding
from workbench.load.requests import RequestSet
from workbench.wire import serving_pb2

X = np.arange(4, dtype=np.float32).reshape(4, 1)
REQUESTS = RequestSet.encode("m", {"x": X}, expected={1: {"y": X + 1}, 2: {"y": X + 2}})


def reply(version: int, y: float, dtype: int = 1) -> bytes:
    message = serving_pb2.PredictResponse()
    if version:
        message.model_spec.version.value = version
    message.outputs["y"].dtype = dtype
    message.outputs["y"].tensor_shape.dim.add(size=1)
    message.outputs["y"].tensor_shape.dim.add(size=1)
    message.outputs["y"].float_val.append(y)
    return message.SerializeToString()


@pytest.mark.parametrize(
    ("version", "y", "finding"),
    [
        (1, 4.0, Finding.RIGHT),
        (2, 5.0, Finding.RIGHT),
        (2, 5.004, Finding.RIGHT),
        (1, 5.0, Finding.MISROUTED),
        (1, 3.0, Finding.MISROUTED),
        (3, 9.0, Finding.UNCHECKED),
        (0, 5.0, Finding.RIGHT),
        (0, 6.0, Finding.MISROUTED),
    ],
)
def test_a_reply_must_be_what_its_own_version_answers_to_its_own_request(
    version: int, y: float, finding: Finding
) -> None:
    assert Checker(REQUESTS, tolerance=1e-3).examine(3, reply(version, y)) == (version, finding)


def test_bytes_that_are_no_reply_are_wrong() -> None:
    assert Checker(REQUESTS, 1e-3).examine(0, b"\xff\xff\xff") == (0, Finding.MISROUTED)


def test_a_missing_output_is_wrong() -> None:
    empty = serving_pb2.PredictResponse()
    empty.model_spec.version.value = 1

    assert Checker(REQUESTS, 1e-3).examine(0, empty.SerializeToString()) == (1, Finding.MISROUTED)


def test_without_expected_answers_only_the_version_is_read() -> None:
    bare = RequestSet.encode("m", {"x": X})

    assert Checker(bare, 1e-3).examine(2, reply(2, 123.0)) == (2, Finding.UNCHECKED)


def test_strings_must_be_equal() -> None:
    words = np.array([[b"yes"], [b"no"]], object)
    requests = RequestSet.encode("m", {"x": X[:2]}, expected={1: {"y": words.astype("S")}})
    message = serving_pb2.PredictResponse()
    message.model_spec.version.value = 1
    message.outputs["y"].dtype = 7
    message.outputs["y"].tensor_shape.dim.add(size=1)
    message.outputs["y"].tensor_shape.dim.add(size=1)
    message.outputs["y"].string_val.append(b"yes")
    checker = Checker(requests, 1e-3)

    assert checker.examine(0, message.SerializeToString())[1] is Finding.RIGHT
    assert checker.examine(1, message.SerializeToString())[1] is Finding.MISROUTED
