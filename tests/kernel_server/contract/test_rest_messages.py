"""Every refusal of the REST API, as the bytes that a client gets (contract, section 5)."""

from __future__ import annotations

import http.client
import json
from collections.abc import Callable

import pytest
from support.servers import Server

Ask = Callable[..., tuple[int, str | None, bytes]]

PREDICT = "/v1/models/half:predict"
PAIR = "/v1/models/pair:predict"
ECHO = "/v1/models/echo:predict"
REGRESS = "/v1/models/examples:regress"
CLASSIFY = "/v1/models/examples:classify"

ROW = "Failed to process element: {} of 'instances' list. Error: INVALID_ARGUMENT: "
NO_LISTS = "instances is a plain list, but expecting list of objects as multiple input tensors required"
NO_VALUES = "inputs is a plain value/list, but expecting an object as multiple input tensors required"


@pytest.fixture(scope="module")
def ask(server: Server) -> Ask:
    host = server.state["rest_address"].removeprefix("http://")

    def send(
        method: str, path: str, body: str | None = None, **headers: str
    ) -> tuple[int, str | None, bytes]:
        """Status, content type and body of the reply to exactly this."""
        connection = http.client.HTTPConnection(host, timeout=60)
        try:
            connection.request(method, path, None if body is None else body.encode(), headers)
            reply = connection.getresponse()
            return reply.status, reply.getheader("Content-Type"), reply.read()
        finally:
            connection.close()

    return send


def error_body(message: str) -> bytes:
    """As rapidjson's pretty writer has it, with 4 spaces."""
    return b'{\n    "error": ' + json.dumps(message, ensure_ascii=False).encode() + b"\n}"


@pytest.mark.parametrize(
    ("method", "path", "message"),
    [
        ("GET", "/v1/models", "Missing model name in request."),
        ("GET", "/v1/models/", "Malformed request: GET /v1/models/"),
        ("GET", PREDICT, f"Malformed request: GET {PREDICT}"),
        ("PUT", PREDICT, f"Malformed request: PUT {PREDICT}"),
        ("POST", "/v1/models/half", "Malformed request: POST /v1/models/half"),
        ("POST", "/v1/models/half:PREDICT", "Malformed request: POST /v1/models/half:PREDICT"),
        ("POST", "/v1/x?y=z", "Malformed request: POST /v1/x"),
        (
            "GET",
            f"/v1/models/half/versions/{2**63}",
            f"Failed to convert version: {2**63} to numeric.",
        ),
    ],
)
def test_paths(ask: Ask, method: str, path: str, message: str) -> None:
    assert ask(method, path, "" if method == "POST" else None) == (
        400,
        "application/json",
        error_body(message),
    )


def test_paths_outside_the_api(ask: Ask) -> None:
    for path in ("/", "/v1", "/v3/models"):
        status, kind, body = ask("GET", path)
        assert (status, kind) != (200, "application/json")
        assert (status, b"error" in body) == (404, False)


PREDICTIONS = [
    (PREDICT, "", "JSON Parse error: The document is empty"),
    (PREDICT, "{", "JSON Parse error: Missing a name for object member. at offset: 1"),
    (PREDICT, "?", "JSON Parse error: Invalid value. at offset: 0"),
    ("/v1/models/none:predict", "[1]", "JSON Value: [\n    1\n] Is not object"),
    (
        "/v1/models/none:predict",
        '{"signature_name": 1}',
        'JSON Value: {\n    "signature_name": 1\n} not formatted correctly. '
        "'signature_name' key must be a string value.",
    ),
    (PREDICT, "{}", "Missing 'inputs' or 'instances' key"),
    (
        PREDICT,
        '{"inputs": 1, "instances": 1}',
        'JSON Value: {\n    "inputs": 1,\n    "instances": 1\n} Not formatted correctly expecting only one '
        "of 'inputs' or 'instances' keys to exist ",
    ),
    (
        PREDICT,
        '{"instances": 1}',
        "JSON Value: {\n    \"instances\": 1\n} Expecting 'instances' to be an list/array",
    ),
    (PREDICT, '{"instances": []}', "JSON Value: {\n    \"instances\": []\n} No values in 'instances' array"),
    (PAIR, '{"instances": [1]}', f"{NO_LISTS} as per tensorinfo_map"),
    (PAIR, '{"inputs": 1}', f"{NO_VALUES} as per tensorinfo_map"),
    (PREDICT, '{"instances": [{"x": 1}, 1]}', "Expecting object but got list at item 1 of input list"),
    (PREDICT, '{"instances": [1, {"x": 1}]}', "Expecting value/list but got object at item 1 of input list"),
    (
        PREDICT,
        '{"instances": [{"y": 1}]}',
        ROW.format("0 key: y") + "JSON object: does not have named input: y",
    ),
    (
        PAIR,
        '{"instances": [{"b": 1}]}',
        "Failed to process element: 0 of 'instances' list. JSON object: {\n    \"b\": 1\n} "
        "keys must be equal to: a,b",
    ),
    (PAIR, '{"inputs": {"a": [[1, 2]]}}', "Missing named input: b in 'inputs' object."),
    (
        PREDICT,
        '{"instances": [true]}',
        ROW.format(0) + "JSON Value: true Type: True is not of expected type: float",
    ),
    (
        PREDICT,
        '{"inputs": ["a"]}',
        'JSON Value: "a" Type: String is not of expected type: float',
    ),
    (
        PAIR,
        '{"instances": [{"a": [1, 2], "b": 1.0}]}',
        ROW.format("0 key: b") + "JSON Value: 1.0 Type: Number is not of expected type: int64",
    ),
    (PREDICT, '{"instances": [[1, 2], [3]]}', ROW.format(1) + "Expecting tensor size: 2 but got: 1"),
    (
        PREDICT,
        '{"instances": [[[1, 2]], [[1], [2]]]}',
        ROW.format(1) + "Expecting shape [1,2] but got: [2,1]",
    ),
    (
        PREDICT,
        '{"inputs": [[1, 2], [3]]}',
        "Encountered list at unexpected size: 1 at level: 1 expected size: 2",
    ),
    (PREDICT, '{"inputs": [1, [2]]}', "Encountered list at unexpected level: 1 expected < 1"),
    (
        PREDICT,
        '{"inputs": [[1], 2]}',
        "JSON Value: 2 found at incorrect level: 2 in the JSON DOM. Expected at level: 2",
    ),
    (
        ECHO,
        '{"signature_name": "string", "inputs": [{"b64": 1}]}',
        'JSON Value: {\n    "b64": 1\n} not formatted correctly for base64 data',
    ),
    (ECHO, '{"signature_name": "string", "inputs": [{"b64": "!"}]}', "Unable to base64 decode"),
    (
        ECHO,
        '{"signature_name": "half", "instances": [1]}',
        "Failed to process element: 0 of 'instances' list. Error: UNIMPLEMENTED: "
        "Conversion of JSON Value: 1 to type: half",
    ),
]

EXAMPLES = [
    (path, body, message)
    for path in (CLASSIFY, REGRESS)
    for body, message in (
        ("{}", "JSON Value: {} When method is classify, key 'examples' is expected and was not found"),
        (
            '{"examples": 1}',
            "JSON Value: {\n    \"examples\": 1\n} Expecting 'examples' value to be an list/array",
        ),
        ('{"examples": []}', "JSON Value: {\n    \"examples\": []\n} 'examples' value is an empty array"),
        ('{"examples": [1]}', "Example must be JSON object but got JSON Number"),
        ('{"examples": [{"x": null}]}', "Feature: x has element with unexpected JSON type: Null"),
        (
            f'{{"examples": [{{"x": {2**64 - 1}}}]}}',
            "Feature: x has uint64_t element. Only int64_t is supported.",
        ),
    )
]


@pytest.mark.parametrize(("path", "body", "message"), [*PREDICTIONS, *EXAMPLES])
def test_bodies(ask: Ask, path: str, body: str, message: str) -> None:
    assert ask("POST", path, body) == (400, "application/json", error_body(message))


@pytest.mark.parametrize(
    ("path", "body", "status", "message"),
    [
        (
            PREDICT,
            '{"signature_name": "n"}',
            400,
            'Serving signature name: "n" not found in signature def',
        ),
        (
            REGRESS,
            '{"signature_name": "n", "examples": [{}]}',
            400,
            "No signature was found with the name: n",
        ),
        (
            REGRESS,
            '{"examples": [{"x": [1.0, 1]}]}',
            400,
            "Unexpected element type in feature: x expecting type: float",
        ),
        (
            ECHO,
            '{"signature_name": "half", "inputs": [1]}',
            501,
            "Conversion of JSON Value: 1 to type: half",
        ),
        ("/v1/models/half/versions/7:predict", '{"instances": [1]}', 404, "Servable not found for request: "),
    ],
)
def test_what_is_told_with_a_hint(ask: Ask, path: str, body: str, status: int, message: str) -> None:
    found, kind, text = ask("POST", path, body)
    assert (found, kind) == (status, "application/json")
    assert json.loads(text)["error"].startswith(message)


@pytest.mark.parametrize(
    ("path", "body", "reply"),
    [
        (PREDICT, '{"instances": [1]} and more', '{"predictions":[{"y":3.5,"z":-1.0}]}'),
        (PREDICT, '{"inputs": [1], "other": [null]}', '{"outputs":{"y":[3.5],"z":[-1.0]}}'),
        (
            PREDICT,
            '{"instances": [NaN, Inf]}',
            '{"predictions":[{"y":NaN,"z":NaN},{"y":Infinity,"z":-Infinity}]}',
        ),
        (REGRESS, '{"examples": [{"x": 1.0}, {"x": 3.0}]}', '{"results":[0.5,1.5]}'),
    ],
)
def test_what_is_answered(ask: Ask, path: str, body: str, reply: str) -> None:
    assert ask("POST", path, body) == (200, "application/json", reply.encode())


def test_whole_numbers_are_int64_for_examples(ask: Ask) -> None:
    status, _, body = ask("POST", REGRESS, '{"examples": [{"x": 1}]}')
    assert status == 400
    assert "Data type: int64 but expected type: float" in json.loads(body)["error"]


@pytest.mark.parametrize("text", ["[" * 500_000, "[" * 500_000 + "]" * 500_000])
def test_deep_nesting_is_refused(ask: Ask, text: str) -> None:
    status, _, body = ask("POST", PREDICT, f'{{"inputs": {text}}}')
    assert (status, json.loads(body)["error"][:17]) == (400, "JSON Parse error:")


def test_options(ask: Ask) -> None:
    for origin, status in (("http://a", 200), ("https://a", 200), ("ftp://a", 400)):
        assert ask("OPTIONS", PREDICT, Origin=origin) == (status, None, b"")
    assert ask("OPTIONS", "/v1/anything")[0] == 400
