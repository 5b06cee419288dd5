"""The Open Inference Protocol over REST, its binary extension included."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from typing import Any

import httpx
import ml_dtypes
import numpy as np
import pytest
from support.servers import Server
from support.stubs import TIMEOUT

LENGTH = "Inference-Header-Content-Length"


@pytest.fixture(scope="module")
def rest(server: Server) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=server.state["rest_address"], timeout=TIMEOUT) as client:
        yield client


def tensor(datatype: str = "FP32", data: Any = (1, 2), **more: Any) -> dict[str, Any]:
    """The input ``x``."""
    return {"name": "x", "datatype": datatype, "shape": [len(data)], "data": data} | more


def infer(rest: httpx.Client, *inputs: Any, model: str = "half", **more: Any) -> Any:
    """The answer's JSON, or its error message."""
    reply = rest.post(f"/v2/models/{model}/infer", json={"inputs": inputs} | more)
    return reply.json() if reply.status_code == 200 else (reply.status_code, reply.json()["error"])


def post_raw(rest: httpx.Client, document: Any, raw: bytes, model: str = "half") -> httpx.Response:
    text = json.dumps(document).encode()
    return rest.post(f"/v2/models/{model}/infer", content=text + raw, headers={LENGTH: str(len(text))})


def test_the_latest_version_answers(rest: httpx.Client) -> None:
    assert infer(rest, tensor(), id="seven") == {
        "model_name": "half",
        "model_version": "2",
        "id": "seven",
        "outputs": [
            {"name": "y", "datatype": "FP32", "shape": [2], "data": [3.5, 4.0]},
            {"name": "z", "datatype": "FP32", "shape": [2], "data": [-1.0, -2.0]},
        ],
    }


def test_a_version_and_some_outputs(rest: httpx.Client) -> None:
    reply = infer(rest, tensor(), model="half/versions/1", outputs=[{"name": "z"}, {"name": "y"}])
    assert [(output["name"], output["data"]) for output in reply["outputs"]] == [
        ("z", [-1.0, -2.0]),
        ("y", [2.5, 3.0]),
    ]


def test_nested_values_and_several_inputs(rest: httpx.Client) -> None:
    a = {"name": "a", "datatype": "FP32", "shape": [2, 2], "data": [[1, 2], [3, 4]]}
    b = {"name": "b", "datatype": "INT64", "shape": [2], "data": [1, 2]}
    reply = infer(rest, b, a, model="pair", parameters={"priority": 3})
    assert [output["data"] for output in reply["outputs"]] == [[4.0, 9.0], [2, 4]]


@pytest.mark.parametrize(
    ("signature", "datatype", "data"),
    [
        ("bool", "BOOL", [True, False]),
        ("int8", "INT8", [-128, 127]),
        ("int16", "INT16", [-(2**15), 2**15 - 1]),
        ("int32", "INT32", [-(2**31), 2**31 - 1]),
        ("int64", "INT64", [-(2**63), 2**63 - 1]),
        ("uint8", "UINT8", [0, 255]),
        ("uint16", "UINT16", [0, 2**16 - 1]),
        ("uint32", "UINT32", [0, 2**32 - 1]),
        ("uint64", "UINT64", [0, 2**64 - 1]),
        ("half", "FP16", [0.5, -2.0]),
        ("bfloat16", "BF16", [0.5, -2.0]),
        ("float32", "FP32", [0.1, -1e30]),
        ("float64", "FP64", [0.1, -1e300]),
        ("string", "BYTES", ["ü", ""]),
        ("float32", "FP32", []),
    ],
)
def test_every_type_comes_back_as_it_went(
    rest: httpx.Client, signature: str, datatype: str, data: list[Any]
) -> None:
    parameters = {"signature_name": signature}
    (output,) = infer(rest, tensor(datatype, data), model="echo", parameters=parameters)["outputs"]
    assert output == {"name": "y", "datatype": datatype, "shape": [len(data)], "data": data}


def test_what_is_no_number(rest: httpx.Client) -> None:
    text = '{"inputs": [{"name": "x", "datatype": "FP32", "shape": [2], "data": [NaN, -Infinity]}]}'
    reply = json.loads(rest.post("/v2/models/half/infer", content=text).text)
    nan, infinity = reply["outputs"][0]["data"]
    assert (math.isnan(nan), infinity) == (True, -math.inf)


@pytest.mark.parametrize(
    ("signature", "datatype", "array"),
    [
        ("float32", "FP32", np.float32([1, -1])),
        ("bfloat16", "BF16", np.array([1, -1], ml_dtypes.bfloat16)),
        ("string", "BYTES", np.frombuffer(b"\1\0\0\0\xff\0\0\0\0", np.uint8)),
    ],
)
def test_tensors_as_bytes(
    rest: httpx.Client, signature: str, datatype: str, array: np.ndarray[Any, Any]
) -> None:
    raw = array.tobytes()
    sent = {"name": "x", "datatype": datatype, "shape": [2], "parameters": {"binary_data_size": len(raw)}}
    asked: list[dict[str, Any]] = [
        {"parameters": {"binary_data_output": True}},
        {"outputs": [{"name": "y", "parameters": {"binary_data": True}}]},
    ]
    for more in asked:
        more["parameters"] = {**more.get("parameters", {}), "signature_name": signature}
        reply = post_raw(rest, {"inputs": [sent]} | more, raw, "echo")
        assert reply.headers["Content-Type"] == "application/octet-stream"
        length = int(reply.headers[LENGTH])
        assert json.loads(reply.content[:length])["outputs"] == [
            {"name": "y", "datatype": datatype, "shape": [2], "parameters": {"binary_data_size": len(raw)}}
        ]
        assert reply.content[length:] == raw


def test_bytes_in_and_values_out(rest: httpx.Client) -> None:
    sent = [
        {"name": "b", "datatype": "INT64", "shape": [1], "parameters": {"binary_data_size": 8}},
        {"name": "a", "datatype": "FP32", "shape": [1, 2], "parameters": {"binary_data_size": 8}},
    ]
    raw = np.int64(5).tobytes() + np.float32([1, 2]).tobytes()
    reply = post_raw(rest, {"inputs": sent}, raw, "pair").json()
    assert [output["data"] for output in reply["outputs"]] == [[8.0], [10]]


@pytest.mark.parametrize(
    ("sent", "message"),
    [
        (tensor(shape=[3]), "input 'x': 2 values, but shape [3] needs 3"),
        (tensor(shape=[2**40, 2**40]), "input 'x': 2 values, but shape [1099511627776, 1099511627776] needs"),
        (tensor(shape=[-2]), "input 'x': shape [-2] has a negative dimension"),
        (tensor(shape=[2.0]), "input 'x': shape must be a list of whole numbers"),
        (tensor(shape=2), "'shape' must be a list; was 2"),
        (tensor("FP33"), "input 'x': datatype 'FP33' is none of"),
        (tensor(5), "'datatype' must be a string; was 5"),
        (tensor(data=["a", "b"]), "input 'x': JSON Value: \"a\" Type: String is not of expected type: float"),
        (tensor(data=[[1], [2, 3]]), "input 'x': Encountered list at unexpected size"),
        (tensor("INT32", [1.5]), "input 'x': JSON Value: 1.5"),
        (tensor("UINT8", [256]), "input 'x': a value lies beyond 0 to 255"),
        (tensor("UINT16", [-1]), "input 'x': a value lies beyond 0 to 65535"),
        (tensor(data={}), "'data' must be a list; was {}"),
        ({"datatype": "FP32", "shape": [1], "data": [1]}, "'name' must be a string; was null"),
        (tensor("INT64"), "Expects arg[0] to be float but int64 is provided"),
        (tensor(name="w"), "Signature input alias: x"),
        (5, "an input must be an object; was 5"),
    ],
    ids=str,
)
def test_bad_inputs_are_refused(rest: httpx.Client, sent: Any, message: str) -> None:
    code, said = infer(rest, sent)
    assert (code, said[: len(message)]) == (400, message)


@pytest.mark.parametrize(
    ("length", "size", "message"),
    [
        (None, 8, "The inputs take 8 bytes after the JSON, but 4 came"),
        (None, 0, "input 'x': 0 values, but shape [1] needs 1"),
        (None, -4, "'binary_data_size' must not be negative; was -4"),
        (None, "4", "'binary_data_size' must be a whole number; was \"4\""),
        ("9" * 30, 4, "Inference-Header-Content-Length must lie between 0 and"),
        ("-1", 4, "Inference-Header-Content-Length must lie between 0 and"),
        ("x", 4, "Inference-Header-Content-Length must lie between 0 and"),
        ("0", 4, "JSON Parse error: The document is empty"),
    ],
)
def test_bytes_that_contradict_what_is_told(
    rest: httpx.Client, length: str | None, size: Any, message: str
) -> None:
    sent = {"name": "x", "datatype": "FP32", "shape": [1], "parameters": {"binary_data_size": size}}
    text = json.dumps({"inputs": [sent]}).encode()
    headers = {LENGTH: length or str(len(text))}
    reply = rest.post("/v2/models/half/infer", content=text + bytes(4), headers=headers)
    assert (reply.status_code, reply.json()["error"][: len(message)]) == (400, message)


def test_other_refusals(rest: httpx.Client) -> None:
    assert infer(rest, tensor(), tensor()) == (400, "input 'x': it is given twice")
    assert infer(rest, tensor(), model="none")[0] == 404
    assert infer(rest, tensor(), model="half/versions/9")[0] == 404
    assert infer(rest, tensor(), model="half/versions/odd")[1].startswith(
        "Unrecognized servable version label"
    )
    assert infer(rest, tensor(), outputs=[{"name": "w"}])[0] == 400
    assert infer(rest, tensor(), parameters={"signature_name": 5})[0] == 400
    assert infer(rest, tensor(parameters={"shared_memory_region": "r"}))[0] == 501
    assert infer(rest, tensor(), model="echo", parameters={"signature_name": "complex"})[0] == 501
    assert (
        rest.post("/v2/models/half/infer", content=b"[]").json()["error"]
        == "the body must be an object; was []"
    )


class TestDescription:
    def test_health(self, rest: httpx.Client) -> None:
        assert rest.get("/v2/health/live").json() == {"live": True}
        assert rest.get("/v2/health/ready").json() == {"ready": True}
        for path in ("half", "half/versions/1"):
            assert rest.get(f"/v2/models/{path}/ready").json() == {"name": "half", "ready": True}
        for path in ("none", "half/versions/9"):
            assert rest.get(f"/v2/models/{path}/ready").status_code == 404

    def test_server(self, rest: httpx.Client) -> None:
        for path in ("/v2", "/v2/"):
            told = rest.get(path).json()
            assert (told["name"], "binary_tensor_data" in told["extensions"]) == ("kernel-server", True)

    def test_model(self, rest: httpx.Client) -> None:
        assert rest.get("/v2/models/pair").json() == {
            "name": "pair",
            "versions": ["1"],
            "platform": "tensorflow",
            "inputs": [
                {"name": "a", "datatype": "FP32", "shape": [-1, 2]},
                {"name": "b", "datatype": "INT64", "shape": [-1]},
            ],
            "outputs": [
                {"name": "sum", "datatype": "FP32", "shape": [-1]},
                {"name": "twice", "datatype": "INT64", "shape": [-1]},
            ],
        }
        assert rest.get("/v2/models/half/config").json()["max_batch_size"] == 8
        assert rest.get("/v2/models/gate/versions/9").status_code == 404

    @pytest.mark.parametrize("path", ["/v2/models", "/v2/models/half/infer", "/v2/health", "/v2/models/a/b"])
    def test_there_is_nothing_else(self, rest: httpx.Client, path: str) -> None:
        reply = rest.get(path)
        assert reply.status_code == 404
        assert reply.json()["error"] == f"The Open Inference Protocol has no call GET {path}"
