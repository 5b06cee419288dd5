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
from support.examples import (
    CLASSIFY,
    REGRESS,
    classification_request,
    model_spec,
    multi_inference_request,
    regression_request,
)
from support.other_models import (
    KINDS,
    Kind,
    chain_of_examples,
    python_file,
    python_of_examples,
    tflite_of_examples,
)
from support.servers import Server, until
from support.stubs import TIMEOUT, Client, model_config, predict_request, refused
from tensorflow_serving.apis import prediction_log_pb2
from tensorflow_serving.config import model_server_config_pb2


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("kinds")
    for name, kind in KINDS.items():
        kind.export(folder / name / "1")
    python_of_examples(folder / "examples" / "1")
    chain_of_examples(folder / "chained_examples" / "1")
    tflite_of_examples(folder / "tflite_examples" / "1")
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
    configs.append(model_config("examples", folder / "examples", platform="python"))
    configs += [model_config(name, folder / name) for name in ("chained_examples", "tflite_examples")]
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


@pytest.mark.parametrize(
    ("model", "labels"),
    [("examples", ["low", "high"]), ("chained_examples", ["", ""]), ("tflite_examples", ["", ""])],
)
class TestExamples:
    """Kinds that have what Classify and Regress ask for."""

    EXAMPLES = ({"x": 0.25}, {"x": 1.0})

    def test_each(self, client: Client, model: str, labels: list[str]) -> None:
        request = classification_request(model, self.EXAMPLES)
        classes = client.prediction.Classify(request, TIMEOUT).result.classifications
        assert [[(c.label, c.score) for c in each.classes] for each in classes] == [
            list(zip(labels, scores, strict=True)) for scores in ((0.75, 0.25), (0.0, 1.0))
        ]
        values = client.prediction.Regress(regression_request(model, self.EXAMPLES, "double"), TIMEOUT)
        assert [each.value for each in values.result.regressions] == [0.5, 2.0]

    def test_all_at_once(self, client: Client, model: str, labels: list[str]) -> None:
        tasks = [(model_spec(model), CLASSIFY), (model_spec(model, "double"), REGRESS)]
        reply = client.prediction.MultiInference(multi_inference_request(tasks, self.EXAMPLES), TIMEOUT)
        classification, regression = reply.results
        found = [
            [c.score for c in each.classes] for each in classification.classification_result.classifications
        ]
        assert found == [[0.75, 0.25], [0.0, 1.0]]
        assert [each.value for each in regression.regression_result.regressions] == [0.5, 2.0]

    def test_rest(self, server: Server, model: str, labels: list[str]) -> None:
        root, body = f"{server.state['rest_address']}/v1/models/{model}", {"examples": self.EXAMPLES}
        classes = httpx.post(f"{root}:classify", json=body).json()
        assert classes == {
            "results": [[[labels[0], 0.75], [labels[1], 0.25]], [[labels[0], 0], [labels[1], 1]]]
        }
        values = httpx.post(f"{root}:regress", json=body | {"signature_name": "double"}).json()
        assert values == {"results": [0.5, 2.0]}


@pytest.mark.parametrize(
    ("model", "classify", "regress"),
    [
        ("python", "No classification inputs found", "No regression inputs found"),
        ("onnx", "Expected one input Tensor.", "Expected one input Tensor."),
        ("tflite", "No classification inputs found", "No regression inputs found"),
        ("hashmap", "No classification inputs found", "Expected one output Tensor."),
        ("vocabulary", "No classification inputs found", "No regression inputs found"),
        ("embeddings", "No classification inputs found", "No regression inputs found"),
        ("chain", "No classification inputs found", "No regression inputs found"),
        (
            "sklearn",
            "Expected classification signature outputs to contain",
            "could not convert string to float",
        ),
    ],
)
def test_kinds_that_take_no_examples_say_so(client: Client, model: str, classify: str, regress: str) -> None:
    invalid, examples = grpc.StatusCode.INVALID_ARGUMENT, [{"x": 1.0}]
    with refused(invalid, classify):
        client.prediction.Classify(classification_request(model, examples), TIMEOUT)
    with refused(invalid, regress):
        client.prediction.Regress(regression_request(model, examples), TIMEOUT)
    for method, message in ((CLASSIFY, classify), (REGRESS, regress)):
        with refused(invalid, message):
            tasks = [(model_spec(model), method)]
            client.prediction.MultiInference(multi_inference_request(tasks, examples), TIMEOUT)


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
