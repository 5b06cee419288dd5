"""What a platform configuration sets, and what it must not say."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from support.servers import Server
from support.stubs import Client

from kernel_server.config.platform import read_session_bundle, with_platform_config
from kernel_server.errors import InvalidArgument
from kernel_server.servables.tensorflow_device import session_config
from kernel_server.settings import Settings

ADAPTER = "type.googleapis.com/tensorflow.serving.SavedModelBundleSourceAdapterConfig"
EVERYTHING = """
    session_config { intra_op_parallelism_threads: 3 allow_soft_placement: true }
    batching_parameters { max_batch_size { value: 4 } batch_timeout_micros { value: 700 } }
    saved_model_tags: "serve"
    saved_model_tags: "gpu"
    enable_model_warmup: true
    model_warmup_options { num_request_iterations { value: 5 } }
"""


def platforms(value: str, key: str = "tensorflow") -> str:
    return f'platform_configs {{ key: "{key}" value {{ source_adapter_config {{ {value} }} }} }}'


def bundle(fields: str) -> str:
    return platforms(f"[{ADAPTER}] {{ legacy_config {{ {fields} }} }}")


@pytest.fixture
def settings(tmp_path: Path) -> Callable[[str], Settings]:
    """Settings with this platform configuration, beside flags that it replaces."""

    def make(text: str) -> Settings:
        file = tmp_path / "platforms.txt"
        file.write_text(text)
        return Settings(
            model_base_path="/m", device="cpu", platform_config_file=file, enable_batching=True, port=1
        )

    return make


def test_everything(settings: Callable[[str], Settings]) -> None:
    found = with_platform_config(settings(bundle(EVERYTHING)))
    assert (found.enable_batching, found.enable_per_model_batching_parameters) == (True, False)
    assert found.model_tags == ("serve", "gpu")
    assert (found.enable_model_warmup, found.num_request_iterations_for_warmup) == (True, 5)
    assert found.port == 1, "other flags stay"
    config = session_config(found)
    assert config.intra_op_parallelism_threads == 3
    assert config.inter_op_parallelism_threads > 0


def test_what_is_left_out_is_off(settings: Callable[[str], Settings]) -> None:
    found = with_platform_config(settings(bundle("")))
    assert (found.enable_batching, found.enable_model_warmup, found.model_tags) == (False, False, ("serve",))


def test_batching_of_each_version(settings: Callable[[str], Settings]) -> None:
    found = with_platform_config(settings(bundle("enable_per_model_batching_params: true")))
    assert (found.enable_batching, found.enable_per_model_batching_parameters) == (True, True)


def test_the_other_adapter(settings: Callable[[str], Settings]) -> None:
    adapter = "type.googleapis.com/tensorflow.serving.SessionBundleSourceAdapterConfig"
    text = platforms(f'[{adapter}] {{ config {{ saved_model_tags: "gpu" }} }}')
    assert with_platform_config(settings(text)).model_tags == ("gpu",)


def test_no_file_no_change() -> None:
    settings = Settings(model_base_path="/m")
    assert with_platform_config(settings) is settings


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "must configure platform tensorflow and no other; found none"),
        (
            platforms(f"[{ADAPTER}] {{}}", "tflite"),
            "must configure platform tensorflow and no other; found tflite",
        ),
        (platforms(""), "by a SavedModelBundleSourceAdapterConfig; found nothing"),
        (
            platforms("[type.googleapis.com/tensorflow.serving.PrometheusConfig] { }"),
            "by a SavedModelBundleSourceAdapterConfig; "
            "found type.googleapis.com/tensorflow.serving.PrometheusConfig",
        ),
        (platforms("[type.googleapis.com/none.At.All] { }"), "Type none.At.All not found"),
        (
            bundle('session_target: "grpc://other"'),
            'no field named "session_target". Its fields are: session_config, batching_parameters, ',
        ),
    ],
)
def test_what_is_not_known(settings: Callable[[str], Settings], text: str, message: str) -> None:
    made = settings(text)
    with pytest.raises(InvalidArgument) as caught:
        with_platform_config(made)
    assert str(made.platform_config_file) in caught.value.message
    assert message in caught.value.message


def test_flags_that_it_replaces_are_told(settings: Callable[[str], Settings]) -> None:
    assert settings(bundle("")).idle_flags() == [
        "enable_batching has no effect with platform_config_file, which says it"
    ]


def test_a_batching_file_is_no_contradiction(settings: Callable[[str], Settings]) -> None:
    made = replace(settings(bundle("")), enable_batching=False, batching_parameters_file=Path("b"))
    made.validate()
    assert made.idle_flags() == [
        "batching_parameters_file has no effect with platform_config_file, which says it"
    ]


def test_a_server_batches_as_it_says(
    models: dict[str, Path], tmp_path: Path, start_server: Callable[..., Server]
) -> None:
    file = tmp_path / "platforms.txt"
    file.write_text(bundle(EVERYTHING.replace('saved_model_tags: "gpu"', "")))
    assert read_session_bundle(file).batching_parameters.max_batch_size.value == 4
    server = start_server(model_name="half", model_base_path=models["half"], platform_config_file=file)
    client = Client(server.wait_until_ready().channel())
    found = client.batching("half")
    assert found.enabled
    assert (found.parameters.max_batch_size, found.parameters.batch_timeout_micros) == (4, 700)
    assert client.predict("half", [1])["y"].tolist() == [3.5]
