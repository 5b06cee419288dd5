"""A split and a shadow on a running server, as stock clients of both faces see them."""

from __future__ import annotations

import shutil
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import grpc
import httpx
import numpy as np
import pytest
from support.examples import (
    CLASSIFY,
    REGRESS,
    classification_request,
    model_spec,
    multi_inference_request,
    regression_request,
)
from support.metrics import lint, scrape
from support.servers import Server, until
from support.stubs import TIMEOUT, Client, model_config, predict_request, refused
from tensorflow_serving.config import model_server_config_pb2
from tritonclient.grpc import InferenceServerClient, InferInput

from kernel_server.rpc import control_pb2 as pb

KEYS = [f"user-{number}" for number in range(30)]


@pytest.fixture(scope="module")
def server(models: dict[str, Path], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """Two versions of ``half``, which differ by one, and of ``examples``, which do not."""
    folder = tmp_path_factory.mktemp("canary")
    for version in ("1", "2"):
        shutil.copytree(models["examples"] / "1", folder / "examples" / version)
    configs = [
        model_config("half", models["half"], "all", stable=1, canary=2),
        model_config("examples", folder / "examples", "all"),
    ]
    config = model_server_config_pb2.ModelServerConfig(model_config_list={"config": configs})
    (folder / "models.txt").write_text(str(config))
    running = Server(folder, model_config_file=folder / "models.txt", rest_api_port="auto")
    try:
        yield running.wait_until_ready()
    finally:
        running.close()


@pytest.fixture(scope="module")
def connected(server: Server) -> Client:
    return Client(server.channel())


@pytest.fixture
def client(connected: Client) -> Iterator[Client]:
    """A client of the server, on which nothing is divided before or after."""
    yield connected
    for model in ("half", "examples"):
        connected.split(model, {})
        connected.shadow(model, None)


def versions(client: Client, requests: int, key: str = "") -> Counter[int]:
    """How many of so many Predicts each version answered, as their replies tell."""
    request = predict_request("half", [2])
    metadata = [("x-traffic-key", key)] if key else []
    found: Counter[int] = Counter()
    for begin in range(0, requests, 500):
        started = [
            client.prediction.Predict.future(request, TIMEOUT, metadata=metadata)
            for _ in range(min(500, requests - begin))
        ]
        found.update(call.result().model_spec.version.value for call in started)
    return found


def answered(client: Client, model: str) -> Counter[int]:
    """Requests that each version has answered, whoever sent them there."""
    found: Counter[int] = Counter()
    for each in client.statistics(model).signatures:
        found[each.version] += each.succeeded
    return found


def compared(client: Client, model: str, count: int) -> pb.Comparison:
    """The comparison once it has so many answers."""
    until(lambda: client.traffic(model).comparison.compared >= count, f"{count} answers are compared")
    return client.traffic(model).comparison


class TestSplit:
    def test_ninety_to_ten_holds_and_its_end_takes_effect_at_once(self, client: Client) -> None:
        client.split("half", {1: 90, 2: 10})
        found = versions(client, 10_000)
        # 99 % of binomial(10 000, 0.1) is within 2.576 standard deviations of 30.
        assert found.total() == 10_000
        assert abs(found[2] - 1000) <= 77
        client.split("half", {1: 0, 2: 100})
        assert versions(client, 100) == {2: 100}

    def test_labels(self, client: Client) -> None:
        client.split("half", {"stable": 3, "canary": 1})
        assert versions(client, 100) == {1: 75, 2: 25}

    def test_what_names_a_version_is_not_divided(self, client: Client) -> None:
        before = client.split("half", {1: 1})
        assert client.send(predict_request("half", [2], version=2)).model_spec.version.value == 2
        assert client.send(predict_request("half", [2], label="canary")).model_spec.version.value == 2
        assert client.traffic("half") == before

    def test_a_key_has_one_version_on_both_faces(self, client: Client, server: Server) -> None:
        client.split("half", {1: 50, 2: 50})
        url = f"{server.state['rest_address']}/v1/models/half:predict"
        found = {}
        with httpx.Client() as rest:
            for key in KEYS:
                (found[key],) = versions(client, 3, key)
                reply = rest.post(url, json={"instances": [2.0]}, headers={"X-Traffic-Key": key})
                assert reply.json()["predictions"][0]["y"] == 2.0 + found[key]
                assert reply.headers["X-Model-Version"] == str(found[key])
        assert set(found.values()) == {1, 2}

    def test_a_key_has_that_version_in_the_open_inference_protocol_too(
        self, client: Client, server: Server
    ) -> None:
        client.split("half", {1: 50, 2: 50})
        infer = f"{server.state['rest_address']}/v2/models/half/infer"
        given = InferInput("x", [1], "FP32")
        given.set_data_from_numpy(np.array([2], np.float32))
        body = {"inputs": [{"name": "x", "datatype": "FP32", "shape": [1], "data": [2.0]}]}
        with InferenceServerClient(server.state["grpc_address"]) as triton, httpx.Client() as rest:
            for key in KEYS:
                (expected,) = versions(client, 1, key)
                header = {"x-traffic-key": key}
                for _ in range(2):
                    reply = triton.infer("half", [given], headers=header).get_response()
                    assert reply.model_version == str(expected)
                    reply = rest.post(infer, json=body, headers=header).json()
                    assert reply["model_version"] == str(expected)

    def test_every_kind_of_call(self, client: Client, server: Server) -> None:
        client.split("examples", {1: 50, 2: 50})
        spec, examples = model_spec("examples"), [{"x": 2.0}]
        tasks = [(model_spec("examples", "classify"), CLASSIFY), (spec, REGRESS)]
        stub = client.prediction
        for _ in range(10):
            stub.Classify(classification_request("examples", examples, "classify"), TIMEOUT)
            stub.Regress(regression_request("examples", examples), TIMEOUT)
            stub.MultiInference(multi_inference_request(tasks, examples), TIMEOUT)
        root = f"{server.state['rest_address']}/v1/models/examples"
        for call, signature in (("classify", "classify"), ("regress", "serving_default")):
            for _ in range(5):
                body = {"signature_name": signature, "examples": examples}
                httpx.post(f"{root}:{call}", json=body).raise_for_status()
        assert [arm.requests for arm in client.traffic("examples").arms] == [20, 20]
        assert set(answered(client, "examples")) == {1, 2}

    def test_replies_name_the_version(self, client: Client) -> None:
        client.split("examples", {1: 1})
        spec = client.prediction.Regress(regression_request("examples", [{"x": 2.0}]), TIMEOUT).model_spec
        assert spec.version.value == 1

    def test_a_reload_keeps_it(self, client: Client, server: Server) -> None:
        client.split("half", {1: 1})
        config = client.control.GetModelConfig(pb.GetModelConfigRequest(), timeout=TIMEOUT)
        present = model_server_config_pb2.ModelServerConfig.FromString(config.model_server_config)
        client.reload(*present.model_config_list.config)
        assert versions(client, 10) == {1: 10}

    @pytest.mark.parametrize(
        ("weights", "code", "message"),
        [
            ({1: 1, 9: 1}, grpc.StatusCode.FAILED_PRECONDITION, "Version 9 of half cannot take traffic"),
            ({1: -1}, grpc.StatusCode.INVALID_ARGUMENT, "A weight is finite and not negative"),
        ],
    )
    def test_refusals(
        self, client: Client, weights: dict[int, float], code: grpc.StatusCode, message: str
    ) -> None:
        with refused(code, message):
            client.split("half", weights)

    def test_a_target_names_something(self, client: Client) -> None:
        request = pb.ReplaceShadowRequest(model="half", target=pb.Target())
        with refused(grpc.StatusCode.INVALID_ARGUMENT, "A target names a version or a label"):
            client.control.ReplaceShadow(request, timeout=TIMEOUT)


class TestShadow:
    def test_predictions_are_compared_and_not_returned(self, client: Client, server: Server) -> None:
        before = answered(client, "half")
        client.split("half", {1: 1})
        assert client.shadow("half", "canary").shadow.label == "canary"
        assert versions(client, 20) == {1: 20}
        httpx.post(f"{server.state['rest_address']}/v1/models/half:predict", json={"instances": [2.0]})
        comparison = compared(client, "half", 21)
        assert (comparison.failed, comparison.dropped) == (0, 0)
        found = {name: each.max_abs_difference for name, each in comparison.outputs.items()}
        assert found == {"y": 1.0, "z": 0.0}
        assert answered(client, "half") - before == {1: 21}

    def test_classes_values_and_several_at_once(self, client: Client) -> None:
        client.split("examples", {1: 1})
        client.shadow("examples", 2)
        examples: list[Any] = [{"x": 2.0}, {"x": 4.0}]
        tasks = [(model_spec("examples", "classify"), CLASSIFY), (model_spec("examples"), REGRESS)]
        client.prediction.Classify(classification_request("examples", examples, "classify"), TIMEOUT)
        client.prediction.Regress(regression_request("examples", examples), TIMEOUT)
        client.prediction.MultiInference(multi_inference_request(tasks, examples), TIMEOUT)
        comparison = compared(client, "examples", 3)
        found = {name: (each.labels, each.disagreements) for name, each in comparison.outputs.items()}
        assert found == {
            "classes": (4, 0),
            "scores": (2, 0),
            "outputs": (0, 0),
            "classify/classes": (4, 0),
            "classify/scores": (2, 0),
            "serving_default/outputs": (0, 0),
        }


class TestMetrics:
    def test_arms_and_shadows_are_told_apart(self, client: Client, server: Server) -> None:
        before = scrape(server.state["rest_address"])
        client.split("half", {1: 75, 2: 25})
        client.shadow("half", 1)
        versions(client, 100)
        compared(client, "half", 25)
        page = scrape(server.state["rest_address"])
        for version, share in (("1", 0.75), ("2", 0.25)):
            arm = {"model": "half", "version": version}
            assert page("kernel_server_traffic_share", **arm) == share
            requests = "kernel_server_traffic_requests_total"
            assert page(requests, **arm) - before(requests, **arm) == 100 * share
            succeeded = {"outcome": "succeeded", "signature": "serving_default", **arm}
            total = "kernel_server_requests_total"
            assert page(total, **succeeded) - before(total, **succeeded) == 100 * share
        shadow = {"model": "half", "shadow": "1"}
        assert page("kernel_server_shadow_requests_total", outcome="compared", **shadow) == 25
        assert page("kernel_server_shadow_duration_seconds_count", **shadow) == 25
        assert page("kernel_server_shadow_max_abs_difference", output="y", **shadow) == 1
        assert page("kernel_server_shadow_disagreements_total", **shadow) == 0
        assert lint(page.text) == ""
