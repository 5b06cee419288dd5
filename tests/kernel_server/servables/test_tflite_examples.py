"""TFLite models that parse examples themselves, without a server around."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import tensorflow as tf
from flatbuffers import Builder
from support.examples import example
from support.other_models import converted, tflite_of_examples
from support.running import load, run
from support.testdata import upstream

from kernel_server.errors import DataLoss, InvalidArgument
from kernel_server.settings import Settings

schema = pytest.importorskip("ai_edge_litert.schema_py_generated")

from kernel_server.servables.tflite import platform  # noqa: E402

FACTORY = platform(Settings(device="cpu", num_tflite_pools=1))


def serialized(**features: Any) -> bytes:
    return bytes(example(features).SerializeToString())


def rewrite(folder: Path, change: Callable[[Any], None]) -> None:
    """Change a model."""
    file = folder / "model.tflite"
    model = schema.ModelT.InitFromObj(schema.Model.GetRootAs(file.read_bytes()))
    change(model)
    builder = Builder(0)
    builder.Finish(model.Pack(builder), file_identifier=b"TFL3")
    file.write_bytes(builder.Output())


@pytest.mark.parametrize("flex", [False, True])
def test_features_of_every_kind(tmp_path: Path, flex: bool) -> None:
    @tf.function(input_signature=[tf.TensorSpec([None], tf.string, "inputs")])
    def parse(inputs: Any) -> dict[str, Any]:
        features = {
            "x": tf.io.FixedLenFeature([2], tf.float32, [1.0, 2.0]),
            "word": tf.io.FixedLenFeature([], tf.string, "none"),
            "n": tf.io.FixedLenFeature([], tf.int64),
            "tags": tf.io.VarLenFeature(tf.string),
            "numbers": tf.io.VarLenFeature(tf.int64),
        }
        parsed = tf.io.parse_example(inputs, features)
        answer = {name: tf.identity(parsed[name]) for name in ("n", "word")}
        tags, numbers = parsed["tags"], parsed["numbers"]
        return answer | {
            "numbers": numbers.values + 1,
            "places": tags.indices + 0,
            "tags": tags.values,
            "twice": parsed["x"] * 2,
        }

    converted(tmp_path, {"serving_default": parse}, flex)
    model = load(FACTORY, tmp_path)
    assert list(model.signatures["serving_default"].inputs) == ["inputs"]
    first = serialized(n=1, x=[3.0, 4.0], word=b"\xff\0", tags=[b"a", b""], numbers=[-1, 2**40])
    answer = run(model, [first, serialized(n=2), serialized(n=3, tags=b"c")])
    assert dict(zip(model.signatures["serving_default"].outputs, answer, strict=True)) == {
        "n": [1, 2, 3],
        "numbers": [0, 2**40 + 1],
        "places": [[0, 0], [0, 1], [2, 0]],
        "tags": [b"a", b"", b"c"],
        "twice": [[6.0, 8.0], [2.0, 4.0], [2.0, 4.0]],
        "word": [b"\xff\0", b"none", b"none"],
    }
    assert run(model, [serialized(n=4)])[0] == [4]


def test_a_feature_that_is_missing_or_of_another_type(tmp_path: Path) -> None:
    tflite_of_examples(tmp_path)
    model = load(FACTORY, tmp_path)
    with pytest.raises(
        InvalidArgument, match=r"^Name: <unknown>, Feature: x \(data type: float\) is required"
    ):
        run(model, [serialized(x=1.0), serialized(y=1.0)], signature="double")
    with pytest.raises(
        InvalidArgument, match=r"^Name: <unknown>, Key: x, Index: 1\.  Data types don't match"
    ):
        run(model, [serialized(x=1.0), serialized(x=1)], signature="double")
    assert run(model, [serialized(x=1.0)], signature="double") == [[2.0]]


def test_a_model_of_tensorflow_serving() -> None:
    model = load(FACTORY, upstream("parse_example_tflite/00000123"))
    assert run(model, [serialized(x=3.0, y=b"q"), serialized()]) == [[[3.0], [0.0]], [[b"q"], [b"missing"]]]


def test_signatures_made_of_tensors(tmp_path: Path) -> None:
    tflite_of_examples(tmp_path)

    def keep_the_first_graph_alone(model: Any) -> None:
        model.subgraphs, model.signatureDefs = model.subgraphs[:1], None

    rewrite(tmp_path, keep_the_first_graph_alone)
    model = load(FACTORY, tmp_path)
    assert run(model, [serialized(x=1.0), serialized(x=2.0)]) in ([[2.0, 4.0]], [[[0.0, 1.0], [-1.0, 2.0]]])


def test_operations_that_there_are_none_for(tmp_path: Path) -> None:
    tflite_of_examples(tmp_path)

    def rename(model: Any) -> None:
        for code in model.operatorCodes:
            code.customCode = code.customCode and "ParseSomethingElse"

    rewrite(tmp_path, rename)
    with pytest.raises(DataLoss, match=r"Could not load .*model\.tflite: .*ParseSomethingElse"):
        load(FACTORY, tmp_path)
