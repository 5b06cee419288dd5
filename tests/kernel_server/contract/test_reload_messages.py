"""What a configuration must not say (contract, section 6), as the stock stubs hear it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import grpc
import pytest
from support.stubs import TIMEOUT, Client, model_config, refused
from tensorflow_serving.config import model_server_config_pb2 as pb

from kernel_server.rpc import control_pb2

INVALID = grpc.StatusCode.INVALID_ARGUMENT


@pytest.fixture
def present(client: Client) -> Iterator[list[pb.ModelConfig]]:
    """The models in force, which must be so after the test."""
    before = _models(client)
    yield before
    assert _models(client) == before
    assert client.predict("half", [1])["y"].tolist() == [3.5]


def _models(client: Client) -> list[pb.ModelConfig]:
    answer = client.control.GetModelConfig(control_pb2.GetModelConfigRequest(), timeout=TIMEOUT)
    return list(pb.ModelServerConfig.FromString(answer.model_server_config).model_config_list.config)


def _made(**fields: Any) -> pb.ModelConfig:
    return pb.ModelConfig(**{"name": "m", "base_path": "/m", "model_platform": "tensorflow"} | fields)


@pytest.mark.parametrize(
    ("model", "message"),
    [
        (_made(base_path="m"), "Expected model m to have an absolute path or URI; got base_path()=m"),
        (
            _made(model_type=pb.TENSORFLOW),
            "Illegal setting both ModelServerConfig::model_type (deprecated) and "
            "ModelServerConfig::model_platform, model name is m",
        ),
        (
            _made(model_platform=""),
            "Illegal setting neither ModelServerConfig::model_type (deprecated) nor "
            "ModelServerConfig::model_platform, model name is m",
        ),
        (_made(model_platform="none"), "Model m requests unsupported platform none"),
        (_made(name="half"), "Illegal to list model half multiple times in config list"),
    ],
)
def test_a_new_model(
    client: Client, present: list[pb.ModelConfig], model: pb.ModelConfig, message: str
) -> None:
    with refused(INVALID, message):
        client.reload(*present, model)


@pytest.mark.parametrize(
    ("change", "code", "message"),
    [
        (
            lambda half: setattr(half, "model_platform", "other"),
            INVALID,
            "Illegal to change a model's platform. For model half platform was tensorflow and new platform "
            "requested is other",
        ),
        (
            lambda half: half.version_labels.update({"new": 9}),
            grpc.StatusCode.FAILED_PRECONDITION,
            "Request to assign label to version 9 of model half, which is not currently available for "
            "inference",
        ),
    ],
)
def test_a_model_that_is_there(
    client: Client,
    present: list[pb.ModelConfig],
    change: Callable[[pb.ModelConfig], None],
    code: grpc.StatusCode,
    message: str,
) -> None:
    changed = [pb.ModelConfig.FromString(model.SerializeToString()) for model in present]
    change(next(model for model in changed if model.name == "half"))
    with refused(code, message):
        client.reload(*changed)


def test_a_folder_without_a_model(client: Client, tmp_path: Path) -> None:
    before = _models(client)
    (tmp_path / "3").mkdir()
    message = "1 model(s) did not become available: {{name: m version: 3} due to error: NOT_FOUND: Could not"
    with refused(grpc.StatusCode.UNKNOWN, message):
        client.reload(*before, model_config("m", tmp_path))
    client.reload(*before)
