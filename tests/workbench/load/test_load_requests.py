from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from workbench.errors import InvalidSetting
from workbench.load.requests import RequestSet
from workbench.wire import serving_pb2


def shapes(requests: RequestSet) -> list[list[int]]:
    parsed = [serving_pb2.PredictRequest.FromString(body) for body in requests.bodies]
    return [[dim.size for dim in request.inputs["x"].tensor_shape.dim] for request in parsed]


@pytest.mark.parametrize(("rows", "expected"), [(1, [[1, 3]] * 7), (3, [[3, 3]] * 2), (0, [[3]] * 7)])
def test_examples_are_cut_into_requests(rows: int, expected: list[list[int]]) -> None:
    requests = RequestSet.encode("m", {"x": np.zeros((7, 3), np.float32)}, rows=rows)

    assert shapes(requests) == expected


def test_every_request_names_model_version_and_signature() -> None:
    requests = RequestSet.encode("m", {"x": np.zeros((2, 1))}, version=4, signature="other")

    spec = serving_pb2.PredictRequest.FromString(requests.bodies[1]).model_spec
    assert (spec.name, spec.version.value, spec.signature_name) == ("m", 4, "other")


def test_a_signature_without_inputs_makes_one_request() -> None:
    assert len(RequestSet.encode("counter", {}).bodies) == 1


def test_saving_and_loading_keeps_bodies_and_answers(tmp_path: Path) -> None:
    x = np.arange(6, dtype=np.float32).reshape(6, 1)
    words = np.array([[b"a"], [b"bc"], [b""], [b"d"], [b"e"], [b"f"]], object)
    requests = RequestSet.encode(
        "m", {"x": x}, rows=2, expected={1: {"y": 2 * x}, 3: {"y": 3 * x, "word": words}}
    )

    requests.save(tmp_path / "r.npz")
    loaded = RequestSet.load(tmp_path / "r.npz")

    assert loaded.bodies == requests.bodies
    assert set(loaded.expected) == {1, 3}
    assert loaded.answers(3, 1)["y"].tolist() == [[6], [9]]
    assert loaded.answers(3, 0)["word"].tolist() == [[b"a"], [b"bc"]]


def test_lengths_that_differ_are_told_by_name() -> None:
    with pytest.raises(InvalidSetting, match=r"input 'a' has 3.*output 'y' of version 2 has 4"):
        RequestSet.encode("m", {"a": np.zeros(3)}, expected={2: {"y": np.zeros(4)}})


def test_too_few_examples_for_one_request_are_refused() -> None:
    with pytest.raises(InvalidSetting, match="one request needs 8 examples"):
        RequestSet.encode("m", {"x": np.zeros((7, 3))}, rows=8)
