"""Servables of every kind in one server: batched, versioned and described as SavedModels are."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import grpc
import httpx
import numpy as np
import pytest
import tensorflow as tf
from support.other_models import KINDS, Kind, python_file
from support.servers import Server, until
from support.stubs import Client, model_config, predict_request, refused
from tensorflow_serving.apis import prediction_log_pb2
from tensorflow_serving.config import model_server_config_pb2


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("kinds")
    for name, kind in KINDS.items():
        kind.export(folder / name / "1")
    python_file(folder / "moving" / "1")
    warm_up = folder / "moving" / "1" / "assets.extra" / "tf_serving_warmup_requests"
    warm_up.parent.mkdir()
    with tf.io.TFRecordWriter(str(warm_up)) as writer:
        log = prediction_log_pb2.PredictionLog(predict_log={"request": predict_request("moving", [1.0])})
        writer.write(log.SerializeToString())
    return folder


@pytest.fixture(scope="module")
def server(folder: Path) -> Iterator[Server]:
    configs = [model_config(name, folder / name, platform=kind.platform) for name, kind in KINDS.items()]
    configs.append(model_config("moving", folder / "moving", platform="python"))
    config = model_server_config_pb2.ModelServerConfig(model_config_list={"config": configs})
    (folder / "models.txt").write_text(str(config))
    running = Server(
        folder / "server",
        model_config_file=folder / "models.txt",
        enable_batching=True,
        rest_api_port="auto",
    )
    try:
        yield running.wait_until_ready()
    finally:
        running.close()


@pytest.fixture(scope="module")
def client(server: Server) -> Client:
    return Client(server.channel())


def assert_answers(outputs: Mapping[str, Any], expected: Mapping[str, Any]) -> None:
    assert outputs.keys() == expected.keys()
    for name, value in expected.items():
        answer = [text.decode() if isinstance(text, bytes) else text for text in outputs[name]]
        if isinstance(value[0], str):
            assert answer == value
        else:
            np.testing.assert_allclose(answer, value, rtol=1e-5)


@pytest.mark.parametrize("name", KINDS)
class TestEveryKind:
    @pytest.fixture
    def kind(self, name: str) -> Kind:
        return KINDS[name]

    @pytest.fixture
    def url(self, server: Server, name: str) -> str:
        return f"{server.state['rest_address']}/v1/models/{name}"

    @pytest.fixture
    def inputs(self, client: Client, kind: Kind, name: str) -> dict[str, Any]:
        """The inputs in the types that the metadata declare."""
        _, definitions = client.signature_defs(name)
        declared = definitions["serving_default"].inputs
        return {
            key: np.asarray(value, tf.as_dtype(declared[key].dtype).as_numpy_dtype)
            for key, value in kind.inputs.items()
        }

    def test_grpc(self, client: Client, kind: Kind, name: str, inputs: dict[str, Any]) -> None:
        assert_answers(client.predict(name, inputs), kind.outputs)

    def test_rest(self, url: str, kind: Kind) -> None:
        reply = httpx.post(f"{url}:predict", json={"inputs": kind.inputs}, timeout=60)
        assert reply.status_code == 200, reply.text
        (*_, single) = kind.outputs
        outputs = reply.json()["outputs"]
        assert_answers(outputs if len(kind.outputs) > 1 else {single: outputs}, kind.outputs)

    def test_many_at_once(self, client: Client, kind: Kind, name: str, inputs: dict[str, Any]) -> None:
        pending = [
            (row, client.start(predict_request(name, {k: v[row : row + 1] for k, v in inputs.items()})))
            for row in [0, 1] * 8
        ]
        for row, reply in pending:
            outputs = {key: tf.make_ndarray(proto) for key, proto in reply.result().outputs.items()}
            assert_answers(outputs, {key: value[row : row + 1] for key, value in kind.outputs.items()})

    def test_metadata(self, url: str, kind: Kind) -> None:
        reply = httpx.get(f"{url}/metadata", timeout=60).json()
        definition = reply["metadata"]["signature_def"]["signature_def"]["serving_default"]
        assert definition["inputs"].keys() == kind.inputs.keys()
        assert definition["outputs"].keys() == kind.outputs.keys()
        for tensor in (*definition["inputs"].values(), *definition["outputs"].values()):
            assert tensor["tensor_shape"]["dim"][0]["size"] == "-1", json.dumps(tensor)


def test_a_request_that_the_function_refuses(client: Client) -> None:
    with refused(grpc.StatusCode.INVALID_ARGUMENT, "x must be a number"):
        client.predict("python", [float("nan")])


def test_recorded_requests_run_before_a_version_serves_and_the_next_takes_over(
    client: Client, folder: Path
) -> None:
    assert (folder / "moving" / "1" / "called").exists()
    python_file(folder / "next", 10.0)
    (folder / "next").rename(folder / "moving" / "2")
    until(lambda: client.status("moving")[-1] == (1, "END", ""), "version 1 is unloaded")
    assert client.predict("moving", [1.0])["y"].tolist() == [11.0]
