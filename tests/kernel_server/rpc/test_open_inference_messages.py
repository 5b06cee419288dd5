"""The messages of the Open Inference Protocol, held against those of Triton's own client."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import pytest
from tritonclient.grpc import model_config_pb2, service_pb2

from kernel_server.rpc import open_inference_pb2

ROOT = Path(__file__).parents[3]
SOURCE = "kernel_server/rpc/open_inference"


def test_generated_code_is_up_to_date(tmp_path: Path) -> None:
    command = [
        sys.executable,
        "-m",
        "grpc_tools.protoc",
        "-I.",
        f"--python_out={tmp_path}",
        f"{SOURCE}.proto",
    ]
    subprocess.run(command, cwd=ROOT, check=True)
    assert descriptor_line(tmp_path / f"{SOURCE}_pb2.py") == descriptor_line(ROOT / f"{SOURCE}_pb2.py")


def descriptor_line(module: Path) -> str:
    """The only line that depends on the source and not on the compiler's version."""
    (line,) = [line for line in module.read_text().splitlines() if "AddSerializedFile(" in line]
    return line


def messages(found: Iterable[Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Messages and those within them, by name."""
    for message in found:
        yield prefix + message.name, message
        yield from messages(message.nested_types, f"{prefix}{message.name}.")


def fields(message: Any) -> set[tuple[object, ...]]:
    """What the bytes of a message depend on, and the names in its JSON."""
    return {(field.name, field.number, field.type, field.is_repeated) for field in message.fields}


STOCK = {
    name: fields(message)
    for module in (service_pb2, model_config_pb2)
    for name, message in messages(module.DESCRIPTOR.message_types_by_name.values())
}


@pytest.mark.parametrize(
    ("name", "message"), list(messages(open_inference_pb2.DESCRIPTOR.message_types_by_name.values()))
)
def test_fields_are_those_of_the_stock_messages(name: str, message: Any) -> None:
    assert fields(message) <= STOCK[name]
