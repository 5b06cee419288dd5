"""Predicts that are answered together have each a version, a copy in the shadow and a log of its own.

Two servers answer each test: one by itself, and one with a front end.
"""

from __future__ import annotations

import shutil
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
import tensorflow as tf
from support.h2_client import Answer, H2Client
from support.metrics import TENSORFLOW_SERVING_PATH, scrape
from support.request_logs import logging_config, read_logs
from support.servers import Server, until
from support.stubs import Client, model_config, predict_request
from support.together import ask, outputs, rows
from tensorflow_serving.apis import predict_pb2
from tensorflow_serving.config import model_server_config_pb2

CALLS = 40
OK, INVALID = 0, 3
SHARE = range(CALLS // 4 - 1, CALLS // 4 + 2)
"""How many of them may go to a version with a quarter of the traffic: points without a key lie evenly."""

MODELS = ("half", "mixed", "picky", "logged")


@pytest.fixture(scope="module", params=[0, 1], ids=["alone", "with a front end"])
def server(
    request: pytest.FixtureRequest, models: dict[str, Path], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Server]:
    """Two versions of each model: ``half`` adds its version, those of ``mixed`` take other inputs."""
    folder = tmp_path_factory.mktemp("rollouts")
    for name, first, second in (("mixed", "half", "pair"), ("picky", "picky", "picky")):
        for version, source in ((1, first), (2, second)):
            shutil.copytree(models[source] / "1", folder / name / str(version))
    paths = {"half": models["half"], "logged": models["half"]}
    configs = [model_config(name, paths.get(name, folder / name), "all") for name in MODELS]
    configs[-1].logging_config.CopyFrom(logging_config(folder / "requests"))
    config = model_server_config_pb2.ModelServerConfig(model_config_list={"config": configs})
    (folder / "models.txt").write_text(str(config))
    (folder / "monitoring.txt").write_text("prometheus_config { enable: true }")
    (folder / "batching.txt").write_text("max_batch_size { value: 16 } max_enqueued_batches { value: 1000 }")
    running = Server(
        folder,
        model_config_file=folder / "models.txt",
        enable_batching=True,
        batching_parameters_file=folder / "batching.txt",
        grpc_front_ends=request.param,
        monitoring_config_file=folder / "monitoring.txt",
        rest_api_port="auto",
    )
    try:
        yield running.wait_until_ready()
    finally:
        running.close()


@pytest.fixture
def client(server: Server) -> Iterator[Client]:
    """Nothing is divided, and nothing compared, before and after."""
    client = Client(server.channel())
    yield client
    for model in MODELS:
        client.split(model, {})
        client.shadow(model, None)


@pytest.fixture
def wire(server: Server) -> Iterator[H2Client]:
    host, port = server.state["grpc_address"].rsplit(":", 1)
    with H2Client((host, int(port))) as wire:
        yield wire


def requests(model: str) -> list[predict_pb2.PredictRequest]:
    return [predict_request(model, rows(number)) for number in range(CALLS)]


def version(answer: Answer) -> int:
    found: int = predict_pb2.PredictResponse.FromString(answer.message).model_spec.version.value
    return found


def given(client: Client, model: str) -> Counter[int]:
    """How many requests the split has given to each version."""
    return Counter({arm.version: arm.requests for arm in client.traffic(model).arms})


def batches(client: Client, model: str) -> int:
    return sum(found.batches for found in client.statistics(model).signatures)


def test_a_split_is_kept_to_and_counts_each_call_once(wire: H2Client, client: Client) -> None:
    client.split("half", {1: 3, 2: 1})
    before, batches_before, found = given(client, "half"), batches(client, "half"), Counter[int]()
    for _ in range(8):
        for number, answer in enumerate(ask(wire, requests("half"))):
            x, added = rows(number), 1 + version(answer)
            assert outputs(answer) == {"y": (x / 2 + added).tolist(), "z": (-x).tolist()}
            found[version(answer)] += 1
    assert found == {1: 8 * CALLS * 3 // 4, 2: 8 * CALLS // 4}
    assert given(client, "half") - before == found
    assert batches(client, "half") - batches_before < 8 * CALLS


def test_one_that_its_version_refuses_fails_alone(wire: H2Client, client: Client) -> None:
    client.split("picky", {1: 3, 2: 1})
    before = given(client, "picky")
    sent = requests("picky")
    sent[7] = predict_request("picky", -1 - rows(7))
    answers = ask(wire, sent)
    refused = answers.pop(7)
    assert refused.status == INVALID
    assert "x must not be negative" in refused.headers["grpc-message"]
    found = Counter(map(version, answers))
    assert (given(client, "picky") - before - found).total() == 1
    assert found.total() == CALLS - 1


def test_a_version_that_cannot_answer_keeps_none_from_the_other(wire: H2Client, client: Client) -> None:
    client.split("mixed", {1: 3, 2: 1})
    before, refused = given(client, "mixed"), 0
    for number, answer in enumerate(ask(wire, requests("mixed"))):
        if answer.status == OK:
            assert outputs(answer)["z"] == (-rows(number)).tolist()
        else:
            assert "Missing but required: {a,b}" in answer.headers["grpc-message"]
            refused += 1
    assert given(client, "mixed") - before == {1: CALLS - refused, 2: refused}
    assert refused in SHARE


def test_each_is_compared_with_its_own_answer(wire: H2Client, client: Client) -> None:
    """The versions differ by one, whatever the input: two answers to different calls would by more."""
    client.split("half", {1: 1})
    client.shadow("half", 2)
    before = batches(client, "half")
    assert {version(answer) for answer in ask(wire, requests("half"))} == {1}
    assert batches(client, "half") - before < CALLS
    until(lambda: client.traffic("half").comparison.compared == CALLS, "all are compared")
    comparison = client.traffic("half").comparison
    assert (comparison.failed, comparison.dropped) == (0, 0)
    found = {name: each.max_abs_difference for name, each in comparison.outputs.items()}
    assert found == {"y": 1.0, "z": 0.0}


def test_each_is_logged_with_its_own_answer(wire: H2Client, client: Client, server: Server) -> None:
    before = batches(client, "logged")
    for answer in ask(wire, requests("logged")):
        assert answer.status == OK
    assert batches(client, "logged") - before < CALLS

    until(lambda: _logged(server) == CALLS, "all are logged")
    logs = [log.predict_log for log in read_logs(*server.log_path.parent.glob("requests-*"))]
    expected = [(rows(number).tolist(), (-rows(number)).tolist()) for number in range(CALLS)]
    assert sorted(_values(log.request.inputs["x"], log.response.outputs["z"]) for log in logs) == expected


def _logged(server: Server) -> float:
    page = scrape(server.state["rest_address"], TENSORFLOW_SERVING_PATH)
    return page(":tensorflow:serving:request_log_count", status_code="OK")


def _values(*protos: tf.compat.v1.TensorProto) -> tuple[list[float], ...]:
    return tuple(tf.make_ndarray(proto).tolist() for proto in protos)
