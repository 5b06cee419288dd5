"""Model configurations: both ways between message and dataclass, and what is refused."""

from __future__ import annotations

from pathlib import Path

import pytest
from google.protobuf import text_format
from tensorflow_serving.config import model_server_config_pb2 as pb
from tensorflow_serving.config.logging_config_pb2 import SamplingConfig

from kernel_server.config.model_server import ModelConfig, ModelServerConfig
from kernel_server.config.request_logging import RequestLogging
from kernel_server.errors import FailedPrecondition, InvalidArgument, ServingError, Unimplemented
from kernel_server.settings import Settings
from kernel_server.sources.selection import All, Latest, Selection, Specific


def parse(text: str) -> ModelServerConfig:
    return ModelServerConfig.from_proto(text_format.Parse(text, pb.ModelServerConfig()))


def parse_model(fields: str) -> ModelConfig:
    (model,) = parse(f"model_config_list {{ config {{ {fields} }} }}").models
    return model


@pytest.mark.parametrize(
    ("policy", "selection"),
    [
        ("", Latest(1)),
        ("model_version_policy { latest { num_versions: 3 } }", Latest(3)),
        ("model_version_policy { all {} }", All()),
        ("model_version_policy { specific { versions: 1 versions: 5 } }", Specific((1, 5))),
    ],
)
def test_model(policy: str, selection: Selection) -> None:
    model = parse_model(
        f'name: "m" base_path: "/m" model_platform: "tensorflow" {policy} '
        'version_labels { key: "stable" value: 4 }'
    )
    assert model == ModelConfig("m", "/m", "tensorflow", selection, {"stable": 4})


def test_deprecated_model_type_is_a_platform() -> None:
    assert parse_model('name: "m" base_path: "/m" model_type: TENSORFLOW').platform == "tensorflow"


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        (
            'name: "m" model_type: TENSORFLOW model_platform: "tensorflow"',
            "Illegal setting both ModelServerConfig::model_type (deprecated) and "
            "ModelServerConfig::model_platform, model name is m",
        ),
        (
            'name: "m"',
            "Illegal setting neither ModelServerConfig::model_type (deprecated) nor "
            "ModelServerConfig::model_platform, model name is m",
        ),
        (
            'name: "m" model_type: OTHER',
            "Model m requests unsupported model_type OTHER; set model_platform",
        ),
    ],
)
def test_platform_has_to_be_clear(fields: str, message: str) -> None:
    with pytest.raises(InvalidArgument) as failure:
        parse_model(fields)
    assert failure.value.message == message


def test_custom_config_is_refused() -> None:
    with pytest.raises(FailedPrecondition, match="from one ModelConfigList to another"):
        parse("custom_model_config {}")


def test_logging_with_options_of_this_server() -> None:
    model = parse_model("""
        name: "m" base_path: "/m" model_platform: "tensorflow"
        logging_config {
          log_collector_config { type: "jsonl" filename_prefix: "/logs/m" }
          sampling_config { sampling_rate: 0.5 }
          custom_logging_config {
            [type.googleapis.com/kernel_server.config.RequestLogOptions] {
              redacted_inputs: "image" redacted_outputs: "face" max_file_bytes: 1000 max_files: 3
            }
          }
        }
    """)
    assert model.logging is not None
    assert RequestLogging.from_bytes(model.logging) == RequestLogging(
        collector="jsonl",
        filename_prefix="/logs/m",
        sampling=SamplingConfig(sampling_rate=0.5),
        redacted_inputs=frozenset(["image"]),
        redacted_outputs=frozenset(["face"]),
        max_file_bytes=1000,
        max_files=3,
    )


@pytest.mark.parametrize("policy", [Latest(), Latest(0), All(), Specific((2, 7)), Specific(())])
def test_round_trip(policy: Selection) -> None:
    config = ModelServerConfig(
        (
            ModelConfig("m", "/m", "tensorflow", policy, {"stable": 2, "canary": 7}, logging=b""),
            ModelConfig("other", "/o", "hashmap"),
        )
    )
    assert ModelServerConfig.from_proto(config.to_proto()) == config
    assert config.to_proto().WhichOneof("config") == "model_config_list"


@pytest.mark.parametrize(
    ("models", "error", "message"),
    [
        (
            [ModelConfig("m", "/a"), ModelConfig("m", "/b")],
            InvalidArgument,
            "Illegal to list model m multiple times in config list",
        ),
        (
            [ModelConfig("m", "models/m")],
            InvalidArgument,
            "Expected model m to have an absolute path or URI; got base_path()=models/m",
        ),
        ([ModelConfig("m", "gs://bucket/m")], Unimplemented, "Model m lies in a remote store"),
        ([ModelConfig("", "/m")], InvalidArgument, "Expected every model to have a name"),
    ],
)
def test_list_that_cannot_be_served(
    models: list[ModelConfig], error: type[ServingError], message: str
) -> None:
    with pytest.raises(error) as failure:
        ModelServerConfig(tuple(models)).validate()
    assert failure.value.message.startswith(message)


def test_list_that_can_be_served() -> None:
    ModelServerConfig((ModelConfig("m", "/m"), ModelConfig("n", "/m"))).validate()


def test_empty_file_is_no_configuration_and_an_empty_list_is_one(tmp_path: Path) -> None:
    file = tmp_path / "models.txt"
    file.write_text("# nothing\n")
    assert ModelServerConfig.from_text(file) is None
    file.write_text("model_config_list {}")
    assert ModelServerConfig.from_text(file) == ModelServerConfig()


def test_settings_name_one_model() -> None:
    config = ModelServerConfig.from_settings(Settings(model_name="digits", model_base_path="/digits"))
    assert config == ModelServerConfig((ModelConfig("digits", "/digits"),))


def test_configuration_file_takes_precedence(tmp_path: Path) -> None:
    file = tmp_path / "models.txt"
    file.write_text('model_config_list { config { name: "n" base_path: "/n" model_platform: "tensorflow" } }')
    settings = Settings(model_base_path="/ignored", model_config_file=file)
    assert ModelServerConfig.from_settings(settings).models == (ModelConfig("n", "/n"),)
