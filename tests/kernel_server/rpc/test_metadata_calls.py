"""GetModelMetadata over gRPC."""

from __future__ import annotations

import json
from pathlib import Path

import grpc
import pytest
from google.protobuf import json_format
from support.stubs import TIMEOUT, Client, refused
from support.testdata import upstream
from tensorflow.core.protobuf import saved_model_pb2
from tensorflow_serving.apis import get_model_metadata_pb2

from kernel_server.rpc.signature_defs import signature_def_map
from kernel_server.servables.saved_model import signature_from_proto


def definitions(version_folder: Path) -> dict[str, object]:
    """The signatures as the file declares them."""
    text = (version_folder / "saved_model.pb").read_bytes()
    return dict(saved_model_pb2.SavedModel.FromString(text).meta_graphs[0].signature_def)


def request(name: str, *fields: str) -> get_model_metadata_pb2.GetModelMetadataRequest:
    made = get_model_metadata_pb2.GetModelMetadataRequest(metadata_field=fields)
    made.model_spec.name = name
    return made


@pytest.mark.parametrize("name", ["half", "keras", "tf1", "words", "pair", "fixed", "echo", "gate"])
def test_signatures_are_those_of_the_file(client: Client, models: dict[str, Path], name: str) -> None:
    reply, signatures = client.signature_defs(name, version=1)
    assert (reply.model_spec.name, reply.model_spec.version.value) == (name, 1)
    assert reply.model_spec.signature_name == ""
    assert dict(signatures) == definitions(models[name] / "1")


def test_the_latest_version_answers(client: Client) -> None:
    assert client.signature_defs("half")[0].model_spec.version.value == 2


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ((), "GetModelMetadataRequest must specify at least one metadata_field"),
        (("signature_def", "graph"), "Metadata field graph is not supported"),
    ],
)
def test_fields_are_checked_before_the_model(client: Client, fields: tuple[str], message: str) -> None:
    with refused(grpc.StatusCode.INVALID_ARGUMENT, message):
        client.prediction.GetModelMetadata(request("none", *fields), TIMEOUT)


def test_unknown_models(client: Client) -> None:
    with refused(grpc.StatusCode.NOT_FOUND, "Servable not found for request: Latest(none)"):
        client.signature_defs("none")
    with refused(grpc.StatusCode.NOT_FOUND, "Servable not found for request: Specific(half, 5)"):
        client.signature_defs("half", version=5)


def test_a_request_without_a_model_spec(client: Client) -> None:
    empty = get_model_metadata_pb2.GetModelMetadataRequest(metadata_field=["signature_def"])
    with refused(grpc.StatusCode.INVALID_ARGUMENT, "Missing ModelSpec"):
        client.prediction.GetModelMetadata(empty, TIMEOUT)


@pytest.mark.parametrize(
    ("model", "expected"),
    [
        ("saved_model_half_plus_two_cpu", "half_plus_two_model_metadata.json"),
        (
            "saved_model_half_plus_two_2_versions",
            "saved_model_half_plus_two_2_versions_metadata.json",
        ),
    ],
)
def test_signatures_are_what_tensorflow_serving_answers(model: str, expected: str) -> None:
    found = {
        name: signature_from_proto(name, definition)
        for name, definition in definitions(upstream(model) / "00000123").items()
    }
    told = json.loads(upstream(expected).read_text())["metadata"]["signature_def"]
    assert signature_def_map(found) == json_format.ParseDict(
        told, get_model_metadata_pb2.SignatureDefMap(), ignore_unknown_fields=True
    )
