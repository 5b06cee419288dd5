"""Both clients over every transport against a real server."""

import socket

import numpy as np
import pandas as pd
import pytest

from workbench import AsyncClient, Client
from workbench.errors import InvalidSetting, RequestFailed

ROWS = np.array([[1, 2, 3], [-1, 0, 0.5]], np.float32)
ANSWER = ROWS * 3 + 30


@pytest.fixture(params=["socket", "tcp", "rest"])
def target(request, affine_server):
    record = affine_server.record
    return {"socket": record.target, "tcp": record.grpc_address, "rest": record.rest_address}[request.param]


@pytest.fixture
def client(target, affine_server):
    with Client(target, token=affine_server.record.token) as client:
        yield client


def test_one_array_in_one_array_out(client):
    answer = client.predict("affine", ROWS)
    assert answer.dtype == np.float32
    np.testing.assert_array_equal(answer, ANSWER)


def test_lists_and_doubles_become_the_declared_type(client):
    np.testing.assert_array_equal(client.predict("affine", ROWS.tolist()), ANSWER)
    np.testing.assert_array_equal(client.predict("affine", {"x": ROWS.astype(np.float64)}), ANSWER)


def test_a_frame_in_a_frame_out(client):
    frame = pd.DataFrame(ROWS, columns=["a", "b", "c"], index=["first", "second"])
    answer = client.predict("affine", frame)
    assert list(answer.columns) == ["y_0", "y_1", "y_2"]
    np.testing.assert_array_equal(answer.loc["second"], ANSWER[1])


def test_what_json_has_no_words_for_arrives(client):
    answer = client.predict("affine", [[np.nan, np.inf, -np.inf]])
    np.testing.assert_array_equal(answer, [[np.nan, np.inf, -np.inf]])


def test_a_version_signature_and_filter_can_be_named(client):
    answer = client.predict(
        "affine", ROWS, version=3, signature="serving_default", output_filter=["y"], timeout=5.0
    )
    np.testing.assert_array_equal(answer, ANSWER)


def test_status_and_metadata(client):
    (status,) = client.status("affine")
    assert (status.version, status.state, status.error, status.live) == (3, "AVAILABLE", None, True)
    metadata = client.metadata("affine")
    assert (metadata.model, metadata.version) == ("affine", 3)
    signature = metadata.signatures["serving_default"]
    assert signature.inputs["x"].dtype == np.float32
    assert signature.inputs["x"].shape == (-1, 3)
    assert str(signature) == "serving_default(x: float32 [?, 3]) -> y: float32 [?, 3]"


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        ({"model": "nobody"}, "NOT_FOUND", "nobody"),
        ({"version": 7}, "NOT_FOUND", "7"),
        ({"label": "stable"}, "INVALID_ARGUMENT", "stable"),
        ({"inputs": {"z": ROWS}}, "INVALID_ARGUMENT", "x"),
        ({"inputs": {"x": [["a", "b", "c"]]}}, "INVALID_ARGUMENT", "float"),
        ({"output_filter": ["nothing"]}, "INVALID_ARGUMENT", "nothing"),
    ],
)
def test_what_the_server_refuses_is_said_in_its_words(client, arguments, code, message):
    arguments = {"model": "affine", "inputs": ROWS} | arguments
    with pytest.raises(RequestFailed, match=message) as caught:
        client.predict(**arguments)
    assert caught.value.code == code
    np.testing.assert_array_equal(client.predict("affine", ROWS), ANSWER)


def test_an_unknown_signature_is_refused_with_those_there_are(client):
    with pytest.raises(InvalidSetting, match="serving_default"):
        client.predict("affine", ROWS, signature="classify")


def test_a_wrong_token_is_refused(target):
    with Client(target, token="wrong") as client, pytest.raises(RequestFailed) as caught:
        client.status("affine")
    assert caught.value.code == "UNAUTHENTICATED"


@pytest.fixture
def silent_port():
    """A port that takes connections and never answers."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield listener.getsockname()[1]


@pytest.mark.parametrize("scheme", ["", "http://"])
def test_no_answer_in_time_is_a_deadline(scheme, silent_port):
    with (
        Client(f"{scheme}127.0.0.1:{silent_port}", timeout=0.2) as client,
        pytest.raises(RequestFailed) as caught,
    ):
        client.status("affine")
    assert caught.value.code == "DEADLINE_EXCEEDED"


@pytest.mark.parametrize("scheme", ["", "http://"])
def test_nobody_there_is_unavailable(scheme):
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    with Client(f"{scheme}127.0.0.1:{port}") as client, pytest.raises(RequestFailed) as caught:
        client.status("affine")
    assert caught.value.code == "UNAVAILABLE"


@pytest.mark.parametrize("target", ["localhost", "", "127.0.0.1:"])
def test_what_is_no_address_is_refused_at_once(target):
    with pytest.raises(InvalidSetting, match="host:port"):
        Client(target)


async def test_the_async_client_says_the_same(target, affine_server):
    async with AsyncClient(target, token=affine_server.record.token) as client:
        np.testing.assert_array_equal(await client.predict("affine", ROWS), ANSWER)
        (status,) = await client.status("affine")
        assert status.live
        assert (await client.metadata("affine")).version == 3
        with pytest.raises(RequestFailed, match="nobody"):
            await client.predict("nobody", ROWS)
        np.testing.assert_array_equal(await client.predict("affine", ROWS), ANSWER)


@pytest.mark.parametrize("scheme", ["", "http://"])
async def test_the_async_client_keeps_its_deadline(scheme, silent_port):
    async with AsyncClient(f"{scheme}127.0.0.1:{silent_port}", timeout=0.2) as client:
        with pytest.raises(RequestFailed) as caught:
            await client.status("affine")
    assert caught.value.code == "DEADLINE_EXCEEDED"
