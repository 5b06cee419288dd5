"""What REST bodies say, where a real server does not cover it."""

import json

import numpy as np
import pytest

from workbench.errors import RequestFailed
from workbench.metadata import Signature, TensorInfo
from workbench.wire.calls import ModelRef
from workbench.wire.json_calls import JsonCalls

STRING = TensorInfo(np.dtype(object), (-1,))
HALF = TensorInfo(np.dtype(np.float16), (-1, 2))


def predict(inputs, outputs, reply=None, output_filter=()):
    signature = Signature("serving_default", {}, outputs, "tensorflow/serving/predict")
    call = JsonCalls().predict(ModelRef("m"), signature, inputs, output_filter)
    return json.loads(call.body) if reply is None else call.parse(json.dumps(reply).encode())


def test_bytes_travel_as_base64_and_text_as_text():
    body = predict({"s": np.array([b"\xff\x00", "text"], object), "u": np.array(["é"])}, {"y": STRING})
    assert body == {
        "signature_name": "serving_default",
        "inputs": {"s": [{"b64": "/wA="}, "text"], "u": ["é"]},
    }


@pytest.mark.parametrize(
    "array", [np.array(1.5), np.arange(6).reshape(2, 3)[:, ::2], np.array([[1.0, 2.0]], np.float16)]
)
def test_arrays_of_every_make_travel_as_lists(array):
    assert predict({"x": array}, {"y": STRING})["inputs"]["x"] == array.tolist()


def test_a_lone_output_has_no_name():
    answer = predict({}, {"y": HALF}, {"outputs": [[0.5, 1]]})
    assert answer["y"].dtype == np.float16
    assert answer["y"].tolist() == [[0.5, 1.0]]


def test_several_outputs_are_told_apart_and_filtered():
    outputs = {"a": HALF, "s": STRING}
    reply = {"outputs": {"a": [[1, 2]], "s": ["é", {"b64": "/w=="}]}}
    answer = predict({}, outputs, reply)
    assert answer["s"].tolist() == ["é".encode(), b"\xff"]
    assert predict({}, outputs, reply, ["s"]).keys() == {"s"}
    with pytest.raises(RequestFailed, match="alias not found in signature: z"):
        predict({}, outputs, reply, ["z"])


@pytest.mark.parametrize(
    ("ref", "path"),
    [
        (ModelRef("a/b c"), "/v1/models/a%2Fb%20c"),
        (ModelRef("m", version=3), "/v1/models/m/versions/3"),
        (ModelRef("m", label="a:b"), "/v1/models/m/labels/a%3Ab"),
    ],
)
def test_paths_are_quoted(ref, path):
    assert JsonCalls().status(ref).path == path


def test_metadata_of_old_graphs_is_understood():
    tensor = {
        "dtype": "DT_FLOAT_REF",
        "tensor_shape": {"dim": [{"size": "-1", "name": ""}], "unknown_rank": False},
    }
    odd = {"dtype": "DT_RESOURCE", "tensor_shape": {"dim": [], "unknown_rank": True}}
    definition = {"inputs": {"x": tensor}, "outputs": {"y": odd}, "method_name": ""}
    reply = {
        "model_spec": {"name": "m", "version": "5"},
        "metadata": {"signature_def": {"signature_def": {"s": definition}}},
    }
    metadata = JsonCalls().metadata(ModelRef("m")).parse(json.dumps(reply).encode())
    assert metadata.version == 5
    signature = metadata.signatures["s"]
    assert signature.inputs["x"] == TensorInfo(np.dtype(np.float32), (-1,))
    assert signature.outputs["y"] == TensorInfo(None, None)
