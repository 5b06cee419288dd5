"""Names, versions and labels of models: one answer, whatever the call and the face (contract, section 2)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import grpc
import httpx
import pytest
from support.examples import REGRESS, classification_request, multi_inference_request, regression_request
from support.servers import Server
from support.stubs import TIMEOUT, Client, predict_request, refused
from tensorflow_serving.apis import get_model_metadata_pb2, model_pb2

X = [{"x": 2.0}]
INVALID, NOT_FOUND = grpc.StatusCode.INVALID_ARGUMENT, grpc.StatusCode.NOT_FOUND

Ask = Callable[[Client, model_pb2.ModelSpec | None], Any]


def _with_spec(method: str, make: Callable[[], Any]) -> Ask:
    def ask(client: Client, spec: model_pb2.ModelSpec | None) -> Any:
        request = make()
        request.ClearField("model_spec")
        if spec is not None:
            request.model_spec.CopyFrom(spec)
        return getattr(client.prediction, method)(request, TIMEOUT)

    return ask


def _multi_inference(client: Client, spec: model_pb2.ModelSpec | None) -> Any:
    request = multi_inference_request([(spec, REGRESS)] if spec else [], X)
    return client.prediction.MultiInference(request, TIMEOUT)


CALLS: dict[str, Ask] = {
    "Predict": _with_spec("Predict", lambda: predict_request("", [1])),
    "Classify": _with_spec("Classify", lambda: classification_request("", X)),
    "Regress": _with_spec("Regress", lambda: regression_request("", X)),
    "GetModelMetadata": _with_spec(
        "GetModelMetadata",
        lambda: get_model_metadata_pb2.GetModelMetadataRequest(metadata_field=["signature_def"]),
    ),
    "MultiInference": _multi_inference,
}

FAILURES: dict[str, tuple[dict[str, Any], grpc.StatusCode, str]] = {
    "no name": ({}, INVALID, "ModelSpec has no name specified."),
    "unknown model": ({"name": "none"}, NOT_FOUND, "Servable not found for request: Latest(none)"),
    "unknown version": (
        {"name": "half", "version": {"value": 9}},
        NOT_FOUND,
        "Servable not found for request: Specific(half, 9)",
    ),
    "unknown version of an unknown model": (
        {"name": "none", "version": {"value": 9}},
        NOT_FOUND,
        "Servable not found for request: Specific(none, 9)",
    ),
    "unknown label": (
        {"name": "half", "version_label": "best"},
        INVALID,
        "Unrecognized servable version label: best",
    ),
}


@pytest.mark.parametrize("ask", CALLS.values(), ids=CALLS)
@pytest.mark.parametrize(("spec", "code", "message"), FAILURES.values(), ids=FAILURES)
def test_over_grpc(
    client: Client, ask: Ask, spec: dict[str, Any], code: grpc.StatusCode, message: str
) -> None:
    with refused(code, message):
        ask(client, model_pb2.ModelSpec(**spec))


@pytest.mark.parametrize("call", [call for call in CALLS if call != "MultiInference"])
def test_no_spec(client: Client, call: str) -> None:
    with refused(INVALID, "Missing ModelSpec"):
        CALLS[call](client, None)


def test_no_task(client: Client) -> None:
    with refused(INVALID, "ModelSpec has no name specified."):
        _multi_inference(client, None)


@pytest.mark.parametrize(
    ("path", "status", "message"),
    [
        ("none", 404, "Servable not found for request: Latest(none)"),
        ("half/versions/9", 404, "Servable not found for request: Specific(half, 9)"),
        ("half/labels/best", 400, "Unrecognized servable version label: best"),
    ],
)
@pytest.mark.parametrize("call", [":predict", ":classify", ":regress", "/metadata"])
def test_over_rest(server: Server, call: str, path: str, status: int, message: str) -> None:
    url = f"{server.state['rest_address']}/v1/models/{path}{call}"
    body = {"instances": [1.0], "examples": X}
    reply = httpx.get(url) if call == "/metadata" else httpx.post(url, json=body, timeout=TIMEOUT)
    assert (reply.status_code, reply.json()["error"][: len(message)]) == (status, message)


def test_rest_messages_are_not_cut(server: Server) -> None:
    name = "n" * 2000
    reply = httpx.get(f"{server.state['rest_address']}/v1/models/{name}/metadata")
    assert reply.json()["error"].startswith(f"Servable not found for request: Latest({name})")
