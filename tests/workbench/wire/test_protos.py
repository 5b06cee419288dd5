"""The committed generated code and the sources it must agree with."""

import subprocess
import sys
from pathlib import Path

import pytest
from google.protobuf import descriptor_pb2
from google.protobuf.descriptor import FieldDescriptor
from tensorflow_serving.apis import (
    get_model_metadata_pb2,
    get_model_status_pb2,
    model_management_pb2,
    predict_pb2,
)

from workbench.wire import control_pb2, serving_pb2

ROOT = Path(__file__).parents[3]


def test_the_control_messages_are_the_servers():
    ours = (ROOT / "workbench/wire/control.proto").read_text()
    theirs = (ROOT / "kernel_server/rpc/control.proto").read_text()
    assert ours == theirs.replace("package kernel_server.control.v1;", "package workbench.wire.control;")


@pytest.mark.parametrize("module", [control_pb2, serving_pb2], ids=lambda module: module.__name__)
def test_generated_code_is_up_to_date(module, tmp_path):
    source = module.DESCRIPTOR.name
    output = tmp_path / "set"
    command = [
        sys.executable,
        "-m",
        "grpc_tools.protoc",
        f"-I{ROOT}",
        f"--descriptor_set_out={output}",
        source,
    ]
    subprocess.run(command, check=True, cwd=ROOT)
    (fresh,) = descriptor_pb2.FileDescriptorSet.FromString(output.read_bytes()).file
    committed = descriptor_pb2.FileDescriptorProto()
    module.DESCRIPTOR.CopyToProto(committed)
    fresh.ClearField("source_code_info")
    for message in fresh.message_type:
        clear_json_names(message)
    for message in committed.message_type:
        clear_json_names(message)
    assert committed == fresh


def clear_json_names(message):
    for field in message.field:
        field.ClearField("json_name")
    for nested in message.nested_type:
        clear_json_names(nested)


@pytest.mark.parametrize(
    ("ours", "stock"),
    [
        (serving_pb2.PredictRequest, predict_pb2.PredictRequest),
        (serving_pb2.PredictResponse, predict_pb2.PredictResponse),
        (serving_pb2.GetModelMetadataRequest, get_model_metadata_pb2.GetModelMetadataRequest),
        (serving_pb2.GetModelMetadataResponse, get_model_metadata_pb2.GetModelMetadataResponse),
        (serving_pb2.SignatureDefMap, get_model_metadata_pb2.SignatureDefMap),
        (serving_pb2.GetModelStatusRequest, get_model_status_pb2.GetModelStatusRequest),
        (serving_pb2.GetModelStatusResponse, get_model_status_pb2.GetModelStatusResponse),
        (serving_pb2.ReloadConfigRequest, model_management_pb2.ReloadConfigRequest),
        (serving_pb2.ReloadConfigResponse, model_management_pb2.ReloadConfigResponse),
    ],
    ids=lambda message: message.DESCRIPTOR.name,
)
def test_every_field_is_the_stock_messages_field(ours, stock):
    compare(ours.DESCRIPTOR, stock.DESCRIPTOR, set())


def compare(ours, stock, seen):
    if ours.full_name in seen:
        return
    seen.add(ours.full_name)
    for field in ours.fields:
        other = stock.fields_by_number[field.number]
        assert (field.name, wire_type(field), field.is_repeated, field.has_presence) == (
            other.name,
            wire_type(other),
            other.is_repeated,
            other.has_presence,
        )
        if field.message_type:
            compare(field.message_type, other.message_type, seen)


def wire_type(field):
    """An enumeration and an int32 are the same bytes."""
    return FieldDescriptor.TYPE_INT32 if field.type == FieldDescriptor.TYPE_ENUM else field.type
