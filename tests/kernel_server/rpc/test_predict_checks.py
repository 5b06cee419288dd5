"""Predict's checks, in TensorFlow Serving's order: each request has the mistakes that come after, too."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import grpc
import numpy as np
import pytest
import tensorflow as tf
from support.servers import Server
from support.signatures import edited_signatures
from support.stubs import Client, refused
from tensorflow.core.framework import tensor_pb2

INVALID = grpc.StatusCode.INVALID_ARGUMENT

A = np.ones((2, 2), np.float32)
B = np.array([1, 2])
WRONG_TYPE = np.ones((2, 2))
BROKEN = tensor_pb2.TensorProto(dtype=1, tensor_content=b"abc")


@pytest.fixture(scope="module")
def client(models: dict[str, Path], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Client]:
    """``pair``, also with a default for ``b`` and with a method that Predict does not serve."""
    folder = tmp_path_factory.mktemp("checks")
    shutil.copytree(models["pair"], folder / "pair")
    with edited_signatures(folder / "pair" / "1") as signatures:
        for name in ("defaulted", "odd"):
            signatures[name].CopyFrom(signatures["serving_default"])
        signatures["defaulted"].defaults["b"].CopyFrom(tf.make_tensor_proto([7, 8], tf.int64))
        signatures["odd"].method_name = "odd/method"
    server = Server(
        folder,
        model_name="pair",
        model_base_path=folder / "pair",
        enable_signature_method_name_check=True,
    )
    try:
        yield Client(server.wait_until_ready().channel())
    finally:
        server.close()


ROWS = {
    "1 lookup": (
        {"model": "none", "signature": "none", "inputs": {"c": BROKEN}, "output_filter": ["w", "w"]},
        grpc.StatusCode.NOT_FOUND,
        "Servable not found for request: Latest(none)",
    ),
    "2 signature": (
        {"signature": "none", "inputs": {"c": BROKEN}, "output_filter": ["w", "w"]},
        grpc.StatusCode.FAILED_PRECONDITION,
        'Serving signature key "none" not found.',
    ),
    "3 method name": (
        {"signature": "odd", "inputs": {"c": BROKEN}, "output_filter": ["w", "w"]},
        grpc.StatusCode.INTERNAL,
        "Expected prediction signature method_name to be one of {tensorflow/serving/predict, "
        "tensorflow/serving/classify, tensorflow/serving/regress}. Was: odd/method",
    ),
    "4 fewer inputs": (
        {"inputs": {"c": BROKEN}, "output_filter": ["w", "w"]},
        INVALID,
        "input size does not match signature: 1!=2 len({c}) != len({a,b}). Sent extra: {c}. "
        "Missing but required: {a,b}.",
    ),
    "4 more inputs than even defaults allow for": (
        {"signature": "defaulted", "inputs": {"a": BROKEN, "b": BROKEN, "c": A}, "output_filter": ["w"]},
        INVALID,
        "input size does not match signature: 3!=2 len({a,b,c}) != len({a,b}). Sent extra: {c}. "
        "Missing but required: {}.",
    ),
    "5 input missing": (
        {"inputs": {"b": BROKEN, "c": BROKEN}, "output_filter": ["w", "w"]},
        INVALID,
        "Signature input alias: a(feed name: serving_default_a:0) not found in request and no default "
        "value provided. Inputs expected to be in the request {b,c}, or default input alias set: ",
    ),
    "5 input without default missing": (
        {"signature": "defaulted", "inputs": {"b": BROKEN}, "output_filter": ["w", "w"]},
        INVALID,
        "Signature input alias: a(feed name: serving_default_a:0) not found in request and no default "
        "value provided. Inputs expected to be in the request {b}, or default input alias set: b",
    ),
    "6 tensor": (
        {"inputs": {"a": WRONG_TYPE, "b": BROKEN}, "output_filter": ["w", "w"]},
        INVALID,
        "tensor parsing error: b",
    ),
    "7 name not used": (
        {"signature": "defaulted", "inputs": {"a": WRONG_TYPE, "c": BROKEN}, "output_filter": ["w", "w"]},
        INVALID,
        "Inputs contains invalid name. Used request inputs: a, request input: a,c",
    ),
    "8 filter": (
        {"inputs": {"a": WRONG_TYPE, "b": B}, "output_filter": ["w", "w"]},
        INVALID,
        "output tensor alias not found in signature: w Outputs expected to be in the set {sum,twice}.",
    ),
    "9 filter twice": (
        {"inputs": {"a": WRONG_TYPE, "b": B}, "output_filter": ["sum", "sum"]},
        INVALID,
        "duplicate output tensor alias: sum",
    ),
    "10 type": (
        {"inputs": {"a": WRONG_TYPE[:1], "b": B}, "output_filter": ["sum"]},
        INVALID,
        "Expects arg[0] to be float but double is provided",
    ),
}


@pytest.mark.parametrize(("asked", "code", "message"), ROWS.values(), ids=ROWS)
def test_the_first_mistake_is_told(
    client: Client, asked: dict[str, Any], code: grpc.StatusCode, message: str
) -> None:
    with refused(code, message):
        client.predict(**{"model": "pair"} | asked)


def test_shapes_are_left_to_the_graph(client: Client) -> None:
    """Row 11: the signature says two columns, and the graph can sum three."""
    assert client.predict("pair", {"a": np.ones((2, 3), np.float32), "b": B})["sum"].tolist() == [4, 5]


@pytest.mark.parametrize(("inputs", "twice"), [({"a": A}, [14, 16]), ({"a": A, "b": B}, [2, 4])])
def test_an_input_with_a_default_may_be_left_out(
    client: Client, inputs: dict[str, Any], twice: list[int]
) -> None:
    assert client.predict("pair", inputs, signature="defaulted")["twice"].tolist() == twice


def test_metadata_tells_defaults(client: Client) -> None:
    defaults = client.signature_defs("pair")[1]["defaulted"].defaults
    assert {name: tf.make_ndarray(proto).tolist() for name, proto in defaults.items()} == {"b": [7, 8]}
