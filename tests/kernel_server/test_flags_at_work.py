"""Flags of ``tensorflow_model_server`` that one server can have all at once, each seen at work."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import grpc
import httpx
import psutil
import pytest
import tensorflow as tf
from support.metrics import scrape
from support.saved_models import counter
from support.servers import Server, until
from support.stubs import Client, model_config, predict_request, refused
from tensorflow_serving.apis import prediction_log_pb2
from tensorflow_serving.config import model_server_config_pb2

from kernel_server.servables.warmup import WARMUP_FILE

SLOW = ("slow1", "slow2", "slow3")
SLOW_FILE = """
from pathlib import Path
from time import sleep

from kernel_server.servables.python import Tensor, signature


def pass_gate(name):
    place = Path(__file__).parents[2]
    (Path(__file__).parent / f"at_{name}").touch()
    while not (place / name).exists():
        sleep(0.01)


def close():
    pass_gate("unloading")


@signature(inputs={"x": Tensor("float32", [None])}, outputs={"y": Tensor("float32", [None])})
def same(x):
    return x


pass_gate("loading")
"""


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
        tensorflow_session_parallelism=5,
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


def test_so_many_loads_and_unloads_at_once(
    flagged: Server, stubs: Client, folder: Path, models: dict[str, Path]
) -> None:
    """The third has to wait until one of the two before it is through."""
    others = [model_config(name, models[name]) for name in ("half", "gate")]
    slow = [model_config(name, folder / "slow" / name, platform="python") for name in SLOW]
    for name in SLOW:
        (folder / "slow" / name / "1").mkdir(parents=True)
        (folder / "slow" / name / "1" / "servable.py").write_text(SLOW_FILE)

    def seen(gate: str) -> tuple[int, list[str]]:
        """How many wait at a gate, and the states of all."""
        states = sorted(state for name in SLOW for state in stubs_status(stubs, name))
        return len(list((folder / "slow").glob(f"*/1/at_{gate}"))), states

    try:
        configure(folder, *others, *slow)
        two_loading = 2, ["LOADING", "LOADING", "START"]
        until(lambda: seen("loading") == two_loading, "two are loading", lambda: str(seen("loading")))
        assert seen("loading") == two_loading
        (folder / "slow" / "loading").touch()
        until(lambda: seen("loading") == (3, ["AVAILABLE"] * 3), "all are loaded")
        configure(folder, *others)
        two_unloading = 2, ["UNLOADING"] * 3
        until(lambda: seen("unloading") == two_unloading, "two are unloading", lambda: str(seen("unloading")))
        assert seen("unloading") == two_unloading
        (folder / "slow" / "unloading").touch()
        until(lambda: seen("unloading") == (3, ["END"] * 3), "all are unloaded")
    finally:
        for gate in ("loading", "unloading"):
            (folder / "slow" / gate).touch()


def test_threads_of_sessions(
    flagged: Server, start_server: Callable[..., Server], models: dict[str, Path]
) -> None:
    server = start_server(
        model_name="half",
        model_base_path=models["half"],
        tensorflow_inter_op_parallelism=7,
        tensorflow_intra_op_parallelism=100,
    ).wait_until_ready()
    assert threads_between_operations(flagged) == 5
    assert threads_between_operations(server) == 7
    # Those within an operation have no name of their own, but are more than all others.
    assert 100 < psutil.Process(server.process.pid).num_threads() < 150


def threads_between_operations(server: Server) -> int:
    tasks = Path(f"/proc/{server.process.pid}/task")
    return [name.read_text().strip() for name in tasks.glob("*/comm")].count("tf_Compute")


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
