"""GetModelStatus and HandleReloadConfigRequest over gRPC."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import grpc
import pytest
from support.servers import until
from support.stubs import TIMEOUT, Client, model_config, predict_request, refused
from tensorflow_serving.apis import get_model_status_pb2, model_management_pb2
from tensorflow_serving.config import model_server_config_pb2

from kernel_server.rpc import control_pb2


class TestStatus:
    def test_versions_highest_first(self, client: Client) -> None:
        assert client.status("half") == [(2, "AVAILABLE", ""), (1, "AVAILABLE", "")]

    def test_one_version(self, client: Client) -> None:
        assert client.status("half", version=1) == [(1, "AVAILABLE", "")]

    def test_a_label_is_ignored(self, client: Client) -> None:
        request = get_model_status_pb2.GetModelStatusRequest()
        request.model_spec.name, request.model_spec.version_label = "half", "none"
        reply = client.models.GetModelStatus(request, TIMEOUT)
        assert [status.version for status in reply.model_version_status] == [2, 1]
        assert all(status.HasField("status") for status in reply.model_version_status)

    @pytest.mark.parametrize(
        ("model", "version", "message"),
        [
            ("none", None, "Could not find any versions of model none"),
            ("none", 1, "Could not find version 1 of model none"),
            ("half", 9, "Could not find version 9 of model half"),
        ],
    )
    def test_what_is_unknown(self, client: Client, model: str, version: int | None, message: str) -> None:
        with refused(grpc.StatusCode.NOT_FOUND, message):
            client.status(model, version)

    def test_a_request_without_a_model_spec(self, client: Client) -> None:
        with refused(grpc.StatusCode.INVALID_ARGUMENT, "Missing ModelSpec"):
            client.models.GetModelStatus(get_model_status_pb2.GetModelStatusRequest(), TIMEOUT)


class TestReload:
    @pytest.fixture
    def present(self, client: Client) -> Iterator[list[Any]]:
        """The models in force, which are so again after the test."""
        answer = client.control.GetModelConfig(control_pb2.GetModelConfigRequest(), timeout=TIMEOUT)
        config = model_server_config_pb2.ModelServerConfig.FromString(answer.model_server_config)
        yield list(config.model_config_list.config)
        client.reload(*config.model_config_list.config)

    def test_a_model_comes_and_goes(
        self, client: Client, present: list[Any], models: dict[str, Path]
    ) -> None:
        reply = client.reload(*present, model_config("more", models["half"], [1]))
        assert (reply.status.error_code, reply.status.error_message) == (0, "")
        assert client.predict("more", [1])["y"].tolist() == [2.5]
        client.reload(*present)
        until(lambda: client.status("more") == [(1, "END", "")], "the model is unloaded")
        with refused(
            grpc.StatusCode.NOT_FOUND,
            "Servable not found for request: Latest(more). more version 1 is END.",
        ):
            client.predict("more", [1])
        assert client.predict("half", [1])["y"].tolist() == [3.5]

    def test_labels_for_versions(self, client: Client, present: list[Any], models: dict[str, Path]) -> None:
        others = [config for config in present if config.name != "half"]
        client.reload(*others, model_config("half", models["half"], "all", stable=1))
        reply = client.send(predict_request("half", [1], label="stable"))
        assert (reply.model_spec.version.value, list(reply.outputs["y"].float_val)) == (1, [2.5])
        assert reply.model_spec.version_label == ""
        with refused(
            grpc.StatusCode.FAILED_PRECONDITION,
            "Request to assign label to version 7 of model half, which is not currently available",
        ):
            client.reload(*others, model_config("half", models["half"], "all", stable=7))

    def test_a_failure_is_told_with_its_cause(
        self, client: Client, present: list[Any], tmp_path: Path
    ) -> None:
        (tmp_path / "5").mkdir()
        message = (
            "1 model(s) did not become available: {{name: broken version: 5} due to error: NOT_FOUND: "
            "Could not find SavedModel .pb or .pbtxt"
        )
        with refused(grpc.StatusCode.UNKNOWN, message):
            client.reload(*present, model_config("broken", tmp_path))
        ((version, state, error),) = client.status("broken")
        assert (version, state) == (5, "END")
        assert str(tmp_path / "5") in error
        assert client.predict("half", [1])["y"].tolist() == [3.5]

    def test_a_caller_that_gives_up_leaves_the_server_alone(
        self, client: Client, present: list[Any], tmp_path: Path
    ) -> None:
        with refused(grpc.StatusCode.DEADLINE_EXCEEDED, ""):
            client.reload(*present, model_config("empty", tmp_path), timeout=0.5)
        assert client.predict("half", [1])["y"].tolist() == [3.5]

    def test_refused_configurations_change_nothing(self, client: Client, present: list[Any]) -> None:
        with refused(
            grpc.StatusCode.INVALID_ARGUMENT,
            "Illegal to list model half multiple times in config list",
        ):
            client.reload(*present, *[config for config in present if config.name == "half"])
        assert client.predict("half", [1])["y"].tolist() == [3.5]

    def test_only_lists_of_models(self, client: Client) -> None:
        request = model_management_pb2.ReloadConfigRequest()
        for prepare in (lambda: None, request.config.custom_model_config.SetInParent):
            prepare()
            with refused(
                grpc.StatusCode.INVALID_ARGUMENT,
                "ServerModelConfig type not supported by HandleReloadConfigRequest. "
                "Only ModelConfigList is currently supported",
            ):
                client.models.HandleReloadConfigRequest(request, TIMEOUT)
