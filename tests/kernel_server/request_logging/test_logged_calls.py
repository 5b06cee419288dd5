"""A server that logs: calls on both faces, reloads, and versions that are warmed up by what was logged."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import grpc
import httpx
import pytest
from google.protobuf import json_format
from support.examples import (
    CLASSIFY,
    REGRESS,
    classification_request,
    example,
    model_spec,
    multi_inference_request,
    regression_request,
)
from support.metrics import TENSORFLOW_SERVING_PATH, scrape
from support.request_logs import logging_config, read_logs
from support.servers import Server, until
from support.stubs import TIMEOUT, Client, model_config, predict_request, refused
from tensorflow_serving.apis.prediction_log_pb2 import PredictionLog

from kernel_server.servables.warmup import WARMUP_FILE
from kernel_server.tensor_protos import decode_tensor

MODELS = ("half", "examples")
X = [{"x": 2.0}, {"x": 4.0}]
TASKS = [(model_spec("examples", "classify"), CLASSIFY), (model_spec("examples", "column"), REGRESS)]


@pytest.fixture(scope="module")
def server(models: dict[str, Path], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    folder = tmp_path_factory.mktemp("logging")
    (folder / "models.txt").write_text("model_config_list { }")
    (folder / "monitoring.txt").write_text("prometheus_config { enable: true }")
    running = Server(
        folder,
        model_config_file=folder / "models.txt",
        rest_api_port="auto",
        monitoring_config_file=folder / "monitoring.txt",
        file_system_poll_wait_seconds=1,
    )
    try:
        yield running.wait_until_ready()
    finally:
        running.close()


@pytest.fixture(scope="module")
def client(server: Server) -> Client:
    return Client(server.channel())


Logs = Callable[[int], Sequence[PredictionLog]]


class Logging:
    """Puts a logging configuration in force, and reads what it has logged."""

    def __init__(self, server: Server, client: Client, models: dict[str, Path], folder: Path) -> None:
        self.folder = folder
        self._server = server
        self._client = client
        self._models = models

    def configure(self, kind: str = "tfrecord", *names: str, **options: Any) -> None:
        """Serve the models, and log those of them that are named (all, if none is)."""
        configs = [model_config(name, self._models[name]) for name in MODELS]
        for config in configs:
            if config.name in (names or MODELS):
                config.logging_config.CopyFrom(logging_config(self.folder / "log", kind, **options))
        self._client.reload(*configs)

    @property
    def files(self) -> list[Path]:
        """The files, in the order of their numbers."""
        return sorted(self.folder.glob("log-*"))

    def logs(self, number: int) -> list[PredictionLog]:
        """What was logged, once there is so much."""
        until(lambda: self.count("OK") - self._before >= number, f"{number} requests are logged")
        return read_logs(*self.files)

    def count(self, status: str) -> float:
        """How many sampled requests ended like this."""
        page = scrape(self._server.state["rest_address"], TENSORFLOW_SERVING_PATH)
        return page(":tensorflow:serving:request_log_count", status_code=status)

    def __enter__(self) -> Logging:
        self._before = self.count("OK")
        return self

    def __exit__(self, *exc_info: object) -> None:
        self._client.reload(*(model_config(name, self._models[name]) for name in MODELS))


@pytest.fixture
def logging(server: Server, client: Client, models: dict[str, Path], tmp_path: Path) -> Iterator[Logging]:
    with Logging(server, client, models, tmp_path) as made:
        yield made


@pytest.mark.parametrize("kind", ["tfrecord", "jsonl"])
def test_every_call_over_grpc(client: Client, logging: Logging, kind: str) -> None:
    logging.configure(kind)
    calls = client.prediction
    predict = predict_request("half", [1.0], version=2, output_filter=["y"])
    classify = classification_request("examples", X, "classify")
    regress = regression_request("examples", [{"shift": 1.0}], "column", context={"x": 2.0})
    multi = multi_inference_request(TASKS, X)
    answers = [
        calls.Predict(predict, TIMEOUT),
        calls.Classify(classify, TIMEOUT),
        calls.Regress(regress, TIMEOUT),
        calls.MultiInference(multi, TIMEOUT),
    ]
    predicted, classified, regressed, inferred = logging.logs(4)
    assert (predicted.predict_log.request, predicted.predict_log.response) == (
        predict_request("half", [1.0], version=2, signature="serving_default", output_filter=["y"]),
        answers[0],
    )
    assert predicted.log_metadata.model_spec == answers[0].model_spec
    assert predicted.log_metadata.sampling_config.sampling_rate == 1.0
    assert list(predicted.log_metadata.saved_model_tags) == ["serve"]
    assert classified.classify_log.request.input == classify.input
    assert classified.classify_log.response == answers[1]
    assert regressed.regress_log.request.input == regress.input
    assert regressed.regress_log.response == answers[2]
    assert inferred.multi_inference_log.request.input == multi.input
    assert [task.method_name for task in inferred.multi_inference_log.request.tasks] == [CLASSIFY, REGRESS]
    assert inferred.multi_inference_log.response == answers[3]


def test_every_call_over_rest(server: Server, logging: Logging) -> None:
    logging.configure()
    with httpx.Client(base_url=server.state["rest_address"], timeout=60) as rest:
        rest.post("/v1/models/half:predict", json={"instances": [1.0, 2.0]}).raise_for_status()
        for method, signature in (("classify", "classify"), ("regress", "column")):
            body = {"signature_name": signature, "examples": X}
            rest.post(f"/v1/models/examples:{method}", json=body).raise_for_status()
    predicted, classified, regressed = logging.logs(3)
    assert decode_tensor("x", predicted.predict_log.request.inputs["x"]).tolist() == [1.0, 2.0]
    assert decode_tensor("y", predicted.predict_log.response.outputs["y"]).tolist() == [3.5, 4.0]
    assert list(classified.classify_log.request.input.example_list.examples) == [example(x) for x in X]
    assert classified.classify_log.response.result.classifications[1].classes[0].label == "up"
    assert [value.value for value in regressed.regress_log.response.result.regressions] == [1.0, 2.0]


def test_what_was_refused_is_not_logged(client: Client, logging: Logging) -> None:
    logging.configure()
    with refused(grpc.StatusCode.INVALID_ARGUMENT, ""):
        client.predict("half", {"x": [1]})
    client.predict("half", [3.0])
    (log,) = logging.logs(1)
    assert list(log.predict_log.response.outputs["y"].float_val) == [4.5]


def test_redacted_values_never_reach_the_disk(client: Client, logging: Logging) -> None:
    logging.configure("jsonl", redacted_inputs=["x"], redacted_outputs=["z"])
    client.predict("half", [1234.5])
    (log,) = logging.logs(1)
    (file,) = logging.files
    assert "1234.5" not in file.read_text()
    assert decode_tensor("x", log.predict_log.request.inputs["x"]).tolist() == [0.0]
    assert list(log.predict_log.response.outputs["y"].float_val) == [1234.5 / 2 + 3]


def test_a_reload_takes_effect_at_once(client: Client, logging: Logging) -> None:
    for kind, models in (("tfrecord", ["half"]), ("jsonl", ["half"]), ("jsonl", ["examples"])):
        logging.configure(kind, *models)
        client.predict("half", [1.0])
    logging.logs(2)
    assert [file.name for file in logging.files] == ["log-00001.jsonl", "log-00001.tfrecord"]
    assert [len(read_logs(file)) for file in logging.files] == [1, 1]


def test_an_unknown_type_is_refused_and_changes_nothing(client: Client, logging: Logging) -> None:
    logging.configure()
    message = (
        "logging_config of model half: log_collector_config has unknown type 'csv'. "
        "Installed types: jsonl, tfrecord"
    )
    with refused(grpc.StatusCode.INVALID_ARGUMENT, message):
        logging.configure("csv")
    client.predict("half", [1.0])
    logging.logs(1)


def test_a_folder_that_vanishes_fails_no_request(client: Client, logging: Logging) -> None:
    before = logging.count("UNAVAILABLE")
    logging.configure()
    client.predict("half", [1.0])
    logging.logs(1)
    shutil.rmtree(logging.folder)
    for _ in range(3):
        assert client.predict("half", [1.0])["y"].tolist() == [3.5]
    until(lambda: logging.count("UNAVAILABLE") - before == 3, "the drops are counted")
    logging.folder.mkdir()
    client.predict("half", [1.0])
    logging.logs(2)


@pytest.mark.parametrize("options", [{}, {"redacted_inputs": ["x"], "redacted_outputs": ["outputs"]}])
def test_versions_are_warmed_up_by_what_was_logged(
    client: Client, logging: Logging, models: dict[str, Path], options: dict[str, Any]
) -> None:
    logging.configure("tfrecord", max_file_records=4, **options)
    calls = client.prediction
    client.predict("examples", {"inputs": [example(X[0]).SerializeToString()]})
    calls.Classify(classification_request("examples", X, "classify"), TIMEOUT)
    calls.Regress(regression_request("examples", [{}], context=X[0]), TIMEOUT)
    calls.MultiInference(multi_inference_request(TASKS, X), TIMEOUT)
    calls.Regress(regression_request("examples", X), TIMEOUT)
    logging.logs(5)
    done, _ = logging.files
    kinds = [log.WhichOneof("log_type") for log in read_logs(done)]
    assert kinds == ["predict_log", "classify_log", "regress_log", "multi_inference_log"]
    folder = Path(shutil.copytree(models["examples"] / "1", logging.folder / "warmed" / "1"))
    (folder / WARMUP_FILE).parent.mkdir(exist_ok=True)
    shutil.copy(done, folder / WARMUP_FILE)
    client.reload(model_config("warmed", folder.parent))
    assert client.status("warmed", 1) == [(1, "AVAILABLE", "")]
    client.reload()
    until(lambda: client.status("warmed", 1) == [(1, "END", "")], "the version is gone")


def test_json_lines_tell_values(client: Client, logging: Logging) -> None:
    logging.configure("jsonl")
    client.predict("half", [1.0])
    logging.logs(1)
    (line,) = logging.files[0].read_text().splitlines()
    told = json_format.Parse(line, PredictionLog()).predict_log
    assert '"x": {"dtype": "DT_FLOAT", "tensor_shape": {"dim": [{"size": "1"}]}, "float_val": [1.0]}' in line
    assert list(told.response.outputs["y"].float_val) == [3.5]
