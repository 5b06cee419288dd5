"""JSON objects to ``tensorflow.Example``, held against TensorFlow's own messages."""

from __future__ import annotations

import json
import math
from typing import Any

import pytest
from tensorflow.core.example import example_pb2

from kernel_server.errors import InvalidArgument
from kernel_server.rest.json_examples import ExamplesBody, encode_example


def features(value: object) -> dict[str, tuple[str | None, list[Any]]]:
    """The kind and the values of every feature, as TensorFlow reads them."""
    found = {}
    for name, feature in example_pb2.Example.FromString(encode_example(value)).features.feature.items():
        kind = feature.WhichOneof("kind")
        found[name] = (kind, list(getattr(feature, kind).value) if kind else [])
    return found


@pytest.mark.parametrize(
    ("value", "kind", "values"),
    [
        (1.5, "float_list", [1.5]),
        (1.0, "float_list", [1.0]),
        ([1.5, -2.0], "float_list", [1.5, -2.0]),
        (1e300, "float_list", [math.inf]),
        (1, "int64_list", [1]),
        ([0, -1, 2**63 - 1, -(2**63), 300], "int64_list", [0, -1, 2**63 - 1, -(2**63), 300]),
        (True, "int64_list", [1]),
        ([False, 7, True], "int64_list", [0, 7, 1]),
        ("grüße", "bytes_list", ["grüße".encode()]),
        ({"b64": "/w=="}, "bytes_list", [b"\xff"]),
        (["", "a", {"b64": "Yg"}], "bytes_list", [b"", b"a", b"b"]),
        ([], None, []),
    ],
)
def test_values(value: object, kind: str | None, values: list[Any]) -> None:
    assert features({"x": value}) == {"x": (kind, values)}


def test_many_features_with_any_name() -> None:
    value = {"": 1, "ü" * 200: 2.0, "words": ["a"] * 300}
    assert features(value) == {
        "": ("int64_list", [1]),
        "ü" * 200: ("float_list", [2.0]),
        "words": ("bytes_list", [b"a"] * 300),
    }


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (None, "Example must be JSON object but got JSON Null"),
        ([], "Example must be JSON object but got JSON Array"),
        (1, "Example must be JSON object but got JSON Number"),
        (False, "Example must be JSON object but got JSON False"),
        ("x", "Example must be JSON object but got JSON String"),
        ({"f": None}, "Feature: f has element with unexpected JSON type: Null"),
        ({"f": [1, None]}, "Feature: f has element with unexpected JSON type: Null"),
        ({"f": [[1]]}, "Feature: f has element with unexpected JSON type: Array"),
        ({"f": {"b64": "YQ==", "c": 1}}, "Feature: f has element with unexpected JSON type: Object"),
        ({"f": {"b64": 1}}, "Feature: f has element with unexpected JSON type: Object"),
        ({"f": {"b64": "?"}}, "Unable to base64 decode"),
        ({"f": 2**63}, "Feature: f has uint64_t element. Only int64_t is supported."),
        ({"f": [1, 1.5]}, "Unexpected element type in feature: f expecting type: int64"),
        ({"f": [1.5, True]}, "Unexpected element type in feature: f expecting type: float"),
        ({"f": [{"b64": ""}, 1]}, "Unexpected element type in feature: f expecting type: bytes"),
    ],
)
def test_what_is_no_example(value: object, message: str) -> None:
    with pytest.raises(InvalidArgument) as caught:
        encode_example(value)
    assert caught.value.message.startswith(message)


def body(**document: object) -> ExamplesBody:
    return ExamplesBody(json.dumps(document).encode())


class TestBody:
    def test_examples_and_context(self) -> None:
        found = body(signature_name="s", context={"a": 1}, examples=[{"b": 1.0}, {}], other=1)
        assert found.signature_name == "s"
        assert found.examples().context == encode_example({"a": 1})
        assert found.examples().serialized == [encode_example({"b": 1.0}), encode_example({})]

    def test_without_a_context(self) -> None:
        assert body(examples=[{}]).examples().context == b""

    @pytest.mark.parametrize(
        ("document", "message"),
        [
            ({}, " When method is classify, key 'examples' is expected and was not found"),
            ({"examples": {}}, " Expecting 'examples' value to be an list/array"),
            ({"examples": []}, " 'examples' value is an empty array"),
        ],
    )
    def test_no_list_of_examples(self, document: dict[str, object], message: str) -> None:
        with pytest.raises(InvalidArgument) as caught:
            body(**document).examples()
        assert caught.value.message == f"JSON Value: {json.dumps(document, indent=4)}{message}"

    def test_the_context_is_looked_at_first(self) -> None:
        with pytest.raises(InvalidArgument, match="Example must be JSON object but got JSON Null"):
            body(context=None).examples()

    def test_the_name_of_the_signature(self) -> None:
        with pytest.raises(InvalidArgument, match="'signature_name' key must be a string value"):
            body(signature_name=1, examples=[{}])
