"""Flags of ``tensorflow_model_server`` that one server can have all at once, each seen at work."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import grpc
import httpx
import pytest
import tensorflow as tf
from support.metrics import scrape
from support.saved_models import counter
from support.servers import Server, until
from support.stubs import Client, model_config, predict_request, refused
from tensorflow_serving.apis import prediction_log_pb2
from tensorflow_serving.config import model_server_config_pb2

from kernel_server.servables.warmup import WARMUP_FILE


@pytest.fixture(scope="module")
def folder(models: dict[str, Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A configuration of two models, and a third one beside it that has a request recorded."""
    folder = tmp_path_factory.mktemp("flags")
    version = folder / "counter" / "1"
    counter(version)
    (version / WARMUP_FILE).parent.mkdir()
    with tf.io.TFRecordWriter(str(version / WARMUP_FILE)) as writer:
        log = prediction_log_pb2.PredictionLog(predict_log={"request": predict_request("any", [1.0])})
        writer.write(log.SerializeToString())
    configure(folder, model_config("half", models["half"]), model_config("gate", models["gate"]))
    return folder


def configure(folder: Path, *configs: object) -> None:
    config = model_server_config_pb2.ModelServerConfig(model_config_list={"config": configs})
    new = folder / "models.new"
    new.write_text(str(config))
    new.replace(folder / "models.txt")


@pytest.fixture(scope="module")
def flagged(folder: Path) -> Iterator[Server]:
    server = Server(
        folder / "server",
        model_config_file=folder / "models.txt",
        model_config_file_poll_wait_seconds=1,
        allow_version_labels_for_unavailable_models=True,
        num_load_threads=2,
        num_unload_threads=2,
        max_num_load_retries=2,
        load_retry_interval_micros=1000,
        num_request_iterations_for_warmup=3,
        rest_api_port="auto",
        rest_api_timeout_in_ms=200,
        rest_api_enable_cors_support=True,
        enable_serialization_as_tensor_content=True,
        grpc_channel_arguments="grpc.max_receive_message_length=1000",
        tensorflow_session_parallelism=1,
    )
    try:
        yield server.wait_until_ready()
    finally:
        server.close()


@pytest.fixture(scope="module")
def stubs(flagged: Server) -> Client:
    return Client(flagged.channel())


def test_tensors_as_raw_bytes(stubs: Client) -> None:
    answer = stubs.send(predict_request("half", [2.0])).outputs["z"]
    assert (answer.tensor_content, len(answer.float_val)) == (b"\0\0\0\xc0", 0)


def test_the_longest_message(stubs: Client) -> None:
    with refused(grpc.StatusCode.RESOURCE_EXHAUSTED, ""):
        stubs.predict("half", [0.0] * 1000)


def test_cors(flagged: Server) -> None:
    address = flagged.state["rest_address"] + "/v1/models/half"
    reply = httpx.get(address, headers={"Origin": "http://elsewhere"})
    assert reply.headers["access-control-allow-origin"] == "*"


def test_the_longest_run_of_a_rest_call(flagged: Server, stubs: Client) -> None:
    address = flagged.state["rest_address"] + "/v1/models/gate:predict"
    reply = httpx.post(address, json={"instances": [1]}, timeout=60)
    assert (reply.status_code, reply.json()) == (504, {"error": "Timed out waiting for notification"})
    stubs.predict("gate", [1], signature="release")


def test_a_changed_configuration(
    flagged: Server, stubs: Client, folder: Path, models: dict[str, Path]
) -> None:
    """Found by itself; loads with retries, replays what is recorded, may label what is not there."""
    (folder / "broken" / "1").mkdir(parents=True)
    configure(
        folder,
        model_config("half", models["half"], label=9),
        model_config("counter", folder / "counter"),
        model_config("broken", folder / "broken"),
    )
    until(lambda: bool(stubs_status(stubs, "counter")), "the new configuration is in force")
    until(lambda: stubs_status(stubs, "counter") == ["AVAILABLE"], "the new model is available")
    assert stubs.predict("counter", [0.0])["y"].tolist() == [4.0]
    until(lambda: stubs_status(stubs, "gate") == ["END"], "the model that was left out is unloaded")
    with refused(grpc.StatusCode.NOT_FOUND, "Servable not found for request: Specific(half, 9)"):
        stubs.predict("half", [1], label="label")
    broken = {"model_path": str(folder / "broken" / "1"), "status": "fail"}
    attempts = "tensorflow_cc_saved_model_load_attempt_count_total"
    until(lambda: scrape(flagged.state["rest_address"])(attempts, **broken) == 3, "it is tried three times")


def stubs_status(stubs: Client, model: str) -> list[str]:
    try:
        return [state for _, state, _ in stubs.status(model)]
    except grpc.RpcError:
        return []
