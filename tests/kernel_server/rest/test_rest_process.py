"""REST of a whole server process with a TensorFlow model, from its start to SIGTERM."""

import json
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import numpy as np
import pytest
from google.protobuf import json_format

START_TIMEOUT = 120.0
TOKEN = "a-token-of-this-test"


@pytest.fixture(scope="module")
def base_path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """``y = x / 2 + 2`` on rows of any width, copies of strings, and sums of rows of three; version 123."""
    import tensorflow as tf

    module = tf.Module()
    module.half = tf.function(
        lambda x: {"y": x / 2 + 2}, input_signature=[tf.TensorSpec([None, None], tf.float32, name="x")]
    )
    module.copy = tf.function(
        lambda s: {"s": s, "s_bytes": s}, input_signature=[tf.TensorSpec([None], tf.string, name="s")]
    )
    module.dot = tf.function(
        lambda x: {"y": tf.matmul(x, tf.ones([3, 1]))},
        input_signature=[tf.TensorSpec([None, None], tf.float32, name="x")],
    )
    path = tmp_path_factory.mktemp("models") / "half"
    signatures = {"serving_default": module.half, "copy": module.copy, "dot": module.dot}
    tf.saved_model.save(module, str(path / "00000123"), signatures=signatures)
    return path


@pytest.fixture(scope="module")
def client(base_path: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[httpx.Client]:
    folder = tmp_path_factory.mktemp("server")
    (folder / "token").write_text(TOKEN)
    flags = {
        "host": "127.0.0.1",
        "port": "auto",
        "rest_api_port": "auto",
        "model_name": "half",
        "model_base_path": base_path,
        "device": "cpu",
        "enable_batching": "true",
        "token_file": folder / "token",
        "state_file": folder / "state.json",
    }
    command = [sys.executable, "-m", "kernel_server", *(f"--{name}={value}" for name, value in flags.items())]
    log_path = folder / "log"
    with log_path.open("w") as log, subprocess.Popen(command, stdout=log, stderr=log) as process:
        try:
            address = _address(process, folder / "state.json", log_path)
            headers = {"Authorization": f"Bearer {TOKEN}"}
            with httpx.Client(base_url=address, headers=headers, timeout=30) as found:
                yield found
            process.send_signal(signal.SIGTERM)
            assert process.wait(30) == 0, log_path.read_text()
        finally:
            process.kill()


def _address(process: "subprocess.Popen[bytes]", state_file: Path, log: Path) -> str:
    deadline = time.monotonic() + START_TIMEOUT
    while not state_file.exists():
        assert process.poll() is None and time.monotonic() < deadline, log.read_text()
        time.sleep(0.05)
    return str(json.loads(state_file.read_text())["rest_address"])


def test_predict(client: httpx.Client) -> None:
    reply = client.post("/v1/models/half:predict", json={"instances": [[1.0], [2.0], [5.0]]})
    assert (reply.status_code, reply.json()) == (200, {"predictions": [[2.5], [3.0], [4.5]]})


def test_floats_come_back_as_they_went(client: httpx.Client) -> None:
    sent = np.random.default_rng(0).standard_normal((16, 784), np.float32)
    reply = client.post("/v1/models/half/versions/123:predict", json={"inputs": {"x": sent.tolist()}})
    np.testing.assert_array_equal(np.array(reply.json()["outputs"], np.float32), sent / 2 + 2)


def test_strings(client: httpx.Client) -> None:
    body = {"signature_name": "copy", "instances": ["ü", {"b64": "YQ=="}]}
    assert client.post("/v1/models/half:predict", json=body).json() == {
        "predictions": [{"s": "ü", "s_bytes": {"b64": "w7w="}}, {"s": "a", "s_bytes": {"b64": "YQ=="}}]
    }


def test_metadata_is_that_of_the_file(client: httpx.Client, base_path: Path) -> None:
    from tensorflow.core.protobuf import saved_model_pb2
    from tensorflow_serving.apis import get_model_metadata_pb2

    text = (base_path / "00000123" / "saved_model.pb").read_bytes()
    definitions = get_model_metadata_pb2.SignatureDefMap()
    for name, definition in saved_model_pb2.SavedModel.FromString(text).meta_graphs[0].signature_def.items():
        definitions.signature_def[name].CopyFrom(definition)
    expected = json_format.MessageToDict(
        definitions, preserving_proto_field_name=True, always_print_fields_with_no_presence=True
    )
    reply = client.get("/v1/models/half/metadata").json()
    assert reply["model_spec"] == {"name": "half", "signature_name": "", "version": "123"}
    assert reply["metadata"]["signature_def"] == expected


def test_status(client: httpx.Client) -> None:
    (version,) = client.get("/v1/models/half").json()["model_version_status"]
    assert (version["version"], version["state"]) == ("123", "AVAILABLE")


def test_what_the_graph_refuses(client: httpx.Client) -> None:
    body = {"signature_name": "dot", "instances": [[1.0, 2.0, 3.0]]}
    assert client.post("/v1/models/half:predict", json=body).json() == {"predictions": [[6.0]]}
    body["instances"] = [[1.0, 2.0]]
    reply = client.post("/v1/models/half:predict", json=body)
    assert reply.status_code == 400
    assert "[1,2]" in reply.json()["error"]


def test_without_the_token(client: httpx.Client) -> None:
    assert client.get("/v1/models/half", headers={"Authorization": ""}).status_code == 401
    assert client.get("/livez", headers={"Authorization": ""}).status_code == 200
