"""Classify, Regress and MultiInference over gRPC, as the stock stubs see them."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import grpc
import httpx
import pytest
from support.examples import (
    CLASSIFY,
    REGRESS,
    Features,
    classification_request,
    model_spec,
    multi_inference_request,
    regression_request,
)
from support.servers import Server
from support.stubs import TIMEOUT, Client, model_config, refused
from support.testdata import upstream
from tensorflow_serving.config import model_server_config_pb2

INVALID, NOT_FOUND = grpc.StatusCode.INVALID_ARGUMENT, grpc.StatusCode.NOT_FOUND
PREDICT = "tensorflow/serving/predict"


def classify(client: Client, model: str, examples: list[Features], *args: Any) -> list[Any]:
    """Labels and scores for each example."""
    request = classification_request(model, examples, *args)
    result = client.prediction.Classify(request, TIMEOUT).result
    return [[(one.label, one.score) for one in each.classes] for each in result.classifications]


def regress(client: Client, model: str, examples: list[Features], *args: Any) -> list[float]:
    """The value for each example."""
    result = client.prediction.Regress(regression_request(model, examples, *args), TIMEOUT).result
    return [each.value for each in result.regressions]


class TestClassify:
    def test_labels_and_scores(self, client: Client) -> None:
        answer = classify(client, "examples", [{"x": 2.0}, {"x": 4.0}], "classify")
        assert answer == [[("up", 1.0), ("down", -1.0)], [("up", 2.0), ("down", -2.0)]]

    @pytest.mark.parametrize(
        ("signature", "answer"),
        [("labels", [("up", 0.0), ("down", 0.0)]), ("scores", [("", 1.0), ("", -1.0)])],
    )
    def test_one_half_of_the_answer(self, client: Client, signature: str, answer: list[Any]) -> None:
        assert classify(client, "examples", [{"x": 2.0}], signature) == [answer]

    def test_the_reply_names_what_answered(self, client: Client) -> None:
        request = classification_request("examples", [{"x": 2.0}], "classify")
        spec = client.prediction.Classify(request, TIMEOUT).model_spec
        assert (spec.name, spec.version.value, spec.signature_name) == ("examples", 1, "classify")


class TestRegress:
    @pytest.mark.parametrize("signature", ["", "column"])
    def test_values(self, client: Client, signature: str) -> None:
        examples = [{"x": 2.0, "shift": 0.5}, {"x": 0.0}, {"x": -4.0}]
        assert regress(client, "examples", examples, signature) == [1.5, 0.0, -2.0]

    def test_the_context_belongs_to_each_example(self, client: Client) -> None:
        examples = [{"x": 2.0}, {"x": 4.0}]
        assert regress(client, "examples", examples, "", {"shift": 0.5}) == [1.5, 2.5]

    def test_an_example_overrides_the_context(self, client: Client) -> None:
        examples = [{"x": 2.0}, {"shift": 0.0}]
        assert regress(client, "examples", examples, "", {"x": 4.0, "shift": 1.0}) == [2.0, 2.0]

    def test_the_reply_names_the_default_signature(self, client: Client) -> None:
        spec = client.prediction.Regress(regression_request("examples", [{"x": 2.0}]), TIMEOUT).model_spec
        assert (spec.name, spec.version.value, spec.signature_name) == ("examples", 1, "serving_default")

    def test_many_at_once_get_their_own_answers(self, client: Client) -> None:
        sent = [[float(n)] * (n % 8 + 1) for n in range(40)]
        calls = [
            client.prediction.Regress.future(regression_request("examples", [{"x": x} for x in xs]), TIMEOUT)
            for xs in sent
        ]
        for xs, call in zip(sent, calls, strict=True):
            assert [each.value for each in call.result().result.regressions] == [x / 2 for x in xs]

    def test_one_that_the_model_refuses_spoils_no_other(self, client: Client) -> None:
        requests = [regression_request("examples", [{"x": 2.0} if n % 3 else {}]) for n in range(24)]
        calls = [client.prediction.Regress.future(request, TIMEOUT) for request in requests]
        for n, call in enumerate(calls):
            assert (call.code() is grpc.StatusCode.OK) == bool(n % 3)


class TestMultiInference:
    def test_one_result_for_each_task(self, client: Client) -> None:
        tasks = [
            (model_spec("examples", "column"), REGRESS),
            (model_spec("examples", "classify"), CLASSIFY),
            (model_spec("examples"), REGRESS),
        ]
        request = multi_inference_request(tasks, [{"x": 2.0}, {"x": 4.0}])
        column, classes, default = client.prediction.MultiInference(request, TIMEOUT).results
        assert [each.value for each in column.regression_result.regressions] == [1.0, 2.0]
        assert [each.value for each in default.regression_result.regressions] == [1.0, 2.0]
        found = classes.classification_result.classifications
        assert [[one.label for one in each.classes] for each in found] == [["up", "down"]] * 2
        specs = [result.model_spec for result in (column, classes, default)]
        assert [(spec.name, spec.version.value, spec.signature_name) for spec in specs] == [
            ("examples", 1, "column"),
            ("examples", 1, "classify"),
            ("examples", 1, "serving_default"),
        ]

    @pytest.mark.parametrize(
        ("tasks", "examples", "code", "message"),
        [
            ([], [{"x": 2.0}], INVALID, "ModelSpec has no name specified."),
            ([(None, REGRESS)], [{"x": 2.0}], INVALID, "ModelSpec has no name specified."),
            ([(("none",), REGRESS)], [{"x": 2.0}], NOT_FOUND, "Servable not found for request: Latest(none)"),
            (
                [(("examples",), REGRESS), (("",), REGRESS)],
                [{"x": 2.0}],
                INVALID,
                "Found ModelSpec with an empty model name.",
            ),
            (
                [(("examples",), REGRESS), (("half",), REGRESS)],
                [{"x": 2.0}],
                INVALID,
                "All ModelSpecs in a MultiInferenceRequest must access the same model name.",
            ),
            (
                [(("examples",), REGRESS), (("examples", "serving_default"), REGRESS)],
                [{"x": 2.0}],
                INVALID,
                "Duplicate evaluation of signature: serving_default",
            ),
            (
                [(("examples", "train"), REGRESS)],
                [{"x": 2.0}],
                INVALID,
                "Requested signature not found in model graph: train",
            ),
            (
                [(("examples",), PREDICT)],
                [{"x": 2.0}],
                grpc.StatusCode.UNIMPLEMENTED,
                f"Unsupported signature method_name: {PREDICT}",
            ),
            ([(("examples", "misnamed"), REGRESS)], [], INVALID, "No regression outputs found in Signature"),
            ([(("examples",), REGRESS)], [], INVALID, "Input is empty."),
        ],
    )
    def test_refusals(
        self, client: Client, tasks: list[Any], examples: list[Any], code: grpc.StatusCode, message: str
    ) -> None:
        made = [(model_spec(*spec) if spec else None, method) for spec, method in tasks]
        with refused(code, message):
            client.prediction.MultiInference(multi_inference_request(made, examples), TIMEOUT)


class TestRefusals:
    @pytest.mark.parametrize(
        ("model", "signature", "message"),
        [
            ("examples", "train", "No signature was found with the name: train"),
            ("pair", "", "Expected one input Tensor."),
            ("half", "", "No classification inputs found in SignatureDef: inputs { "),
            ("examples", "three", "Expected one or two output Tensors, found 3"),
            (
                "examples",
                "misnamed",
                'Expected classification signature outputs to contain at least one of "classes" or "scores". '
                "Signature was: inputs { ",
            ),
            ("examples", "flat", "Expected Tensor shape: [batch_size num_classes] but got [1]"),
        ],
    )
    def test_of_classify(self, client: Client, model: str, signature: str, message: str) -> None:
        with refused(INVALID, message):
            classify(client, model, [{"x": 2.0}], signature)

    @pytest.mark.parametrize(
        ("model", "signature", "message"),
        [
            ("examples", "train", "No signature was found with the name: train"),
            ("half", "", "Expected one output Tensor."),
            ("tf1", "", "No regression inputs found in SignatureDef: inputs { "),
            ("examples", "misnamed", "No regression outputs found in SignatureDef: inputs { "),
            (
                "examples",
                "wide",
                "Expected output Tensor shape to be either [batch_size] or [batch_size, 1] but got [1,2]",
            ),
            ("examples", "integers", "Expected output Tensor of DT_FLOAT.  Got: DT_INT64"),
        ],
    )
    def test_of_regress(self, client: Client, model: str, signature: str, message: str) -> None:
        with refused(INVALID, message):
            regress(client, model, [{"x": 2.0}], signature)

    @pytest.mark.parametrize("context", [None, {"x": 2.0}])
    def test_no_examples(self, client: Client, context: Features | None) -> None:
        with refused(INVALID, "Input is empty."):
            regress(client, "examples", [], "", context)

    def test_no_input(self, client: Client) -> None:
        request = regression_request("examples", [])
        request.ClearField("input")
        with refused(INVALID, "Input is empty."):
            client.prediction.Regress(request, TIMEOUT)

    def test_no_model_spec(self, client: Client) -> None:
        request = classification_request("examples", [{"x": 2.0}])
        request.ClearField("model_spec")
        with refused(INVALID, "Missing ModelSpec"):
            client.prediction.Classify(request, TIMEOUT)

    def test_no_model(self, client: Client) -> None:
        with refused(NOT_FOUND, "Servable not found for request: Latest(none)"):
            classify(client, "none", [{"x": 2.0}])

    def test_a_missing_feature(self, client: Client) -> None:
        with pytest.raises(grpc.RpcError) as caught:
            regress(client, "examples", [{"shift": 2.0}])
        assert caught.value.code() is INVALID
        assert "Feature: x (data type: float) is required but could not be found." in caught.value.details()

    def test_a_feature_of_another_type(self, client: Client) -> None:
        with pytest.raises(grpc.RpcError) as caught:
            regress(client, "examples", [{"x": 2}])
        assert caught.value.code() is INVALID
        assert "Data types don't match" in caught.value.details()

    def test_more_examples_than_a_batch_may_have(self, client: Client) -> None:
        with refused(INVALID, "Task size 9 is larger than maximum input batch size 8"):
            regress(client, "examples", [{"x": 2.0}] * 9)


def test_over_http(server: Server) -> None:
    def ask(call: str, signature: str) -> Any:
        body = {"signature_name": signature, "context": {"shift": 1.0}, "examples": [{"x": 2.0}, {"x": 4.0}]}
        url = f"{server.state['rest_address']}/v1/models/examples:{call}"
        return httpx.post(url, json=body, timeout=TIMEOUT).json()

    assert ask("regress", "serving_default") == {"results": [2.0, 3.0]}
    assert ask("classify", "classify") == {
        "results": [[["up", 2.0], ["down", -2.0]], [["up", 3.0], ["down", -3.0]]]
    }


@pytest.fixture(scope="module")
def upstream_client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Client]:
    """TensorFlow Serving's own models, not batched: old graphs, and a native export of TensorFlow 2."""
    folder = tmp_path_factory.mktemp("upstream")
    configs = []
    for name in ("2_versions", "tf2_cpu", "three"):
        full = f"saved_model_half_plus_{'three' if name == 'three' else 'two_' + name}"
        configs.append(model_config(name, shutil.copytree(upstream(full), folder / name)))
    config = model_server_config_pb2.ModelServerConfig(model_config_list={"config": configs})
    (folder / "models.txt").write_text(str(config))
    server = Server(folder / "server", model_config_file=folder / "models.txt")
    try:
        yield Client(server.wait_until_ready().channel())
    finally:
        server.close()


class TestUpstreamModels:
    @pytest.mark.parametrize("model", ["2_versions", "tf2_cpu"])
    def test_half_plus_two(self, upstream_client: Client, model: str) -> None:
        examples = [{"x": 2.0}, {"x": 20.0}]
        assert regress(upstream_client, model, examples, "regress_x_to_y") == [3.0, 12.0]
        assert regress(upstream_client, model, examples, "regress_x_to_y2") == [4.0, 13.0]
        answer = classify(upstream_client, model, examples, "classify_x_to_y")
        assert answer == [[("", 3.0)], [("", 12.0)]]

    def test_a_signature_that_declares_the_wrong_type(self, upstream_client: Client) -> None:
        answer = regress(upstream_client, "three", [{"x": 2.0}], "tensorflow/serving/regress")
        assert answer == [4.0]

    def test_a_missing_feature(self, upstream_client: Client) -> None:
        message = "Name: <unknown>, Feature: x (data type: float) is required but could not be found.\n"
        with refused(INVALID, message):
            regress(upstream_client, "2_versions", [{}], "regress_x_to_y")

    @pytest.mark.parametrize("model", ["2_versions", "tf2_cpu"])
    def test_several_at_once(self, upstream_client: Client, model: str) -> None:
        tasks = [
            (model_spec(model, "regress_x_to_y"), REGRESS),
            (model_spec(model, "classify_x_to_y"), CLASSIFY),
            (model_spec(model, "regress_x_to_y2"), REGRESS),
        ]
        request = multi_inference_request(tasks, [{"x": 2.0}])
        first, second, third = upstream_client.prediction.MultiInference(request, TIMEOUT).results
        assert first.regression_result.regressions[0].value == 3.0
        assert second.classification_result.classifications[0].classes[0].score == 3.0
        assert third.regression_result.regressions[0].value == 4.0

    def test_an_input_that_is_no_string(self, upstream_client: Client) -> None:
        with refused(INVALID, "Expects arg[0] to be float but string is provided"):
            classify(upstream_client, "2_versions", [{"x2": 2.0}], "classify_x2_to_y3")


def test_the_method_name_is_checked_if_asked_for(models: dict[str, Path], start_server: Any) -> None:
    """Exports of TensorFlow 2 call every method predict."""
    server = start_server(
        model_name="examples", model_base_path=models["examples"], enable_signature_method_name_check=True
    )
    client = Client(server.wait_until_ready().channel())
    with refused(
        INVALID,
        "Expected regression signature method_name to be tensorflow/serving/regress. "
        "Was: tensorflow/serving/predict",
    ):
        regress(client, "examples", [{"x": 2.0}])
