"""The messages that leave examples serialized, held against the stock ones."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from google.protobuf.message import Message
from support.examples import (
    CLASSIFY,
    REGRESS,
    classification_request,
    model_spec,
    multi_inference_request,
    regression_request,
)

from kernel_server.rpc import example_requests_pb2

ROOT = Path(__file__).parents[3]
SOURCE = "kernel_server/rpc/example_requests"
EXAMPLES = [{"x": 1.5, "words": [b"a", b"\xff"]}, {"n": [1, -1]}, {}]


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


def labelled(request: Message) -> Message:
    """The request, naming its version by a label."""
    request.model_spec.version_label = "canary"  # type: ignore[attr-defined]
    return request


@pytest.mark.parametrize(
    ("stock", "ours"),
    [
        (classification_request("m", EXAMPLES, "s"), example_requests_pb2.ExampleRequest),
        (regression_request("m", EXAMPLES, "s", context={"c": 2.0}), example_requests_pb2.ExampleRequest),
        (labelled(classification_request("m", [])), example_requests_pb2.ExampleRequest),
        (
            multi_inference_request(
                [(model_spec("m", "s", 7), CLASSIFY), (model_spec("m"), REGRESS)], EXAMPLES
            ),
            example_requests_pb2.MultiInferenceRequest,
        ),
    ],
    ids=["classify", "context", "label", "multi-inference"],
)
def test_nothing_is_lost_or_moved(stock: Message, ours: type[Message]) -> None:
    read = ours.FromString(stock.SerializeToString(deterministic=True))
    read.DiscardUnknownFields()
    assert type(stock).FromString(read.SerializeToString()) == stock


def test_examples_stay_as_they_were_sent() -> None:
    stock = regression_request("m", EXAMPLES, context={"c": 2.0})
    read = example_requests_pb2.ExampleRequest.FromString(stock.SerializeToString(deterministic=True))
    sent = stock.input.example_list_with_context
    found = read.input.example_list_with_context
    assert list(found.examples) == [e.SerializeToString(deterministic=True) for e in sent.examples]
    assert found.context == sent.context.SerializeToString(deterministic=True)
