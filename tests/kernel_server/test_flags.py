"""Every flag of ``tensorflow_model_server`` is accepted, and exercised by a test or told to do nothing."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from kernel_server.cli import WITHOUT_EFFECT, parse

TESTS = Path(__file__).parents[1]
README = TESTS.parent / "README.md"

WITH_VALUES = """
--port=8500 --grpc_socket_path=s --rest_api_port=0 --rest_api_num_threads=8 --rest_api_timeout_in_ms=30000
--rest_api_enable_cors_support=false --enable_batching=false --batching_parameters_file=b
--enable_per_model_batching_parameters=false --allow_version_labels_for_unavailable_models=false
--model_config_file=m --model_config_file_poll_wait_seconds=0 --model_name=default --model_base_path=/m
--num_load_threads=0 --num_unload_threads=0 --max_num_load_retries=5 --load_retry_interval_micros=60000000
--file_system_poll_wait_seconds=1 --flush_filesystem_caches=true --tensorflow_session_parallelism=0
--tensorflow_intra_op_parallelism=0 --tensorflow_inter_op_parallelism=0 --tensorflow_session_config_file=t
--use_alts_credentials=false --ssl_config_file=s --platform_config_file=p --per_process_gpu_memory_fraction=0
--saved_model_tags=serve --grpc_channel_arguments=a=1 --grpc_max_threads=8 --enable_model_warmup=true
--num_request_iterations_for_warmup=0 --monitoring_config_file=m
--remove_unused_fields_from_bundle_metagraph=true --prefer_tflite_model=false --num_tflite_pools=2
--num_tflite_interpreters_per_pool=1 --enable_signature_method_name_check=false
--xla_cpu_compilation_enabled=false --xla_gpu_compilation_enabled=false --enable_profiler=true
--thread_pool_factory_config_file=t --mixed_precision=bfloat16 --skip_initialize_tpu=false
--enable_grpc_healthcheck_service=false --enable_serialization_as_tensor_content=false
"""


@pytest.mark.parametrize("flag", WITH_VALUES.split())
def test_accepted(flag: str, capsys: pytest.CaptureFixture[str]) -> None:
    parse([flag])
    assert "unknown argument" not in capsys.readouterr().out


def test_exercised_or_without_effect() -> None:
    flags = set(re.findall(r"--(\w+)", WITH_VALUES))
    others = [path.read_text() for path in TESTS.rglob("test_*.py") if path != Path(__file__)]
    assert flags - set(re.findall(r"\w+", "\n".join(others))) - set(WITHOUT_EFFECT) == set()


def test_readme_tells_what_has_no_effect() -> None:
    rows = [f"| `--{name}` | {reason} |" for name, reason in WITHOUT_EFFECT.items()]
    assert "| flag | why it does nothing |\n|---|---|\n" + "\n".join(rows) + "\n\n" in README.read_text()
