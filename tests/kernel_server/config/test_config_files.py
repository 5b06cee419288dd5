"""Batching, monitoring and TLS files, and the generated code that reads them."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from google.protobuf import descriptor_pb2
from tensorflow.core.protobuf import config_pb2, meta_graph_pb2

from kernel_server.batching.parameters import BatchingParameters
from kernel_server.config.batching import read_batching_parameters
from kernel_server.config.monitoring import read_prometheus_path
from kernel_server.config.ssl import SslConfig, read_ssl_config
from kernel_server.errors import InvalidArgument

ROOT = Path(__file__).parents[3]


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "config.txt"


@pytest.mark.parametrize(
    ("name", "needed"),
    [
        ("config/config_files", config_pb2),
        ("config/request_log", config_pb2),
        ("config/session_bundle", config_pb2),
        ("servables/meta_graph", meta_graph_pb2),
    ],
)
def test_generated_code_is_up_to_date(tmp_path: Path, name: str, needed: Any) -> None:
    source = f"kernel_server/{name}.proto"
    tensorflow = tmp_path / "tensorflow.binpb"
    tensorflow.write_bytes(with_dependencies(needed.DESCRIPTOR).SerializeToString())
    options = ["-I.", f"--descriptor_set_in={tensorflow}", f"--python_out={tmp_path}"]
    subprocess.run([sys.executable, "-m", "grpc_tools.protoc", *options, source], cwd=ROOT, check=True)
    generated = Path(f"kernel_server/{name}_pb2.py")
    assert descriptor_line(tmp_path / generated) == descriptor_line(ROOT / generated)


def with_dependencies(file: Any) -> descriptor_pb2.FileDescriptorSet:
    """A file whose source is not shipped, and all that it needs, in an order that protoc takes."""
    found = descriptor_pb2.FileDescriptorSet()
    for needed in file.dependencies:
        for one in with_dependencies(needed).file:
            if one not in found.file:
                found.file.append(one)
    file.CopyToProto(found.file.add())
    return found


def descriptor_line(module: Path) -> str:
    """The only line that depends on the source and not on the compiler's version."""
    (line,) = [line for line in module.read_text().splitlines() if "AddSerializedFile(" in line]
    return line


def test_all_batching_parameters(file: Path) -> None:
    file.write_text("""
        max_batch_size { value: 32 }
        batch_timeout_micros { value: 500 }
        max_enqueued_batches { value: 7 }
        num_batch_threads { value: 3 }
        thread_pool_name { value: "mine" }
        allowed_batch_sizes: 8
        allowed_batch_sizes: 16
        pad_variable_length_inputs: true
        enable_large_batch_splitting { value: true }
        max_execution_batch_size { value: 16 }
    """)
    assert read_batching_parameters(file) == BatchingParameters(
        max_batch_size=32,
        batch_timeout_micros=500,
        max_enqueued_batches=7,
        num_batch_threads=3,
        thread_pool_name="mine",
        allowed_batch_sizes=(8, 16),
        pad_variable_length_inputs=True,
        enable_large_batch_splitting=True,
        max_execution_batch_size=16,
    )


def test_absent_batching_parameters_keep_their_defaults(file: Path) -> None:
    file.write_text("batch_timeout_micros { value: 500 }")
    assert read_batching_parameters(file) == BatchingParameters(batch_timeout_micros=500)


def test_broken_rule_names_the_file(file: Path) -> None:
    file.write_text("num_batch_threads { value: 0 }")
    with pytest.raises(InvalidArgument, match=f"num_batch_threads must be positive; was 0 .in '{file}'."):
        read_batching_parameters(file)


@pytest.mark.parametrize(
    ("text", "path"),
    [
        ("", None),
        ('prometheus_config { path: "/metrics" }', None),
        ("prometheus_config { enable: true }", "/monitoring/prometheus/metrics"),
        ('prometheus_config: { enable: true, path: "/metrics" }', "/metrics"),
    ],
)
def test_prometheus_path(file: Path, text: str, path: str | None) -> None:
    file.write_text(text)
    assert read_prometheus_path(file) == path


def test_ssl_config_keeps_its_key_out_of_logs(file: Path) -> None:
    file.write_text('server_key: "KEY"\nserver_cert: "CERT"\ncustom_ca: "CA"\nclient_verify: true')
    config = read_ssl_config(file)
    assert config == SslConfig("KEY", "CERT", "CA", client_verify=True)
    assert "KEY" not in repr(config)
