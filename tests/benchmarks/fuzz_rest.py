"""Sends strange and damaged HTTP requests and JSON to a server, and tells what became of it.

From the folder ``tests``: ``python -m benchmarks.fuzz_rest --inputs 50000 --seed 1``.
Hypothesis makes the requests: Schemathesis would need an OpenAPI description, and TensorFlow Serving's
protocol, whose bodies follow from each model's signatures, has none. A sound request must be answered as
HTTP says, and not as if the server were at fault; after a damaged one the connection must end.
"""

from __future__ import annotations

import gzip
import json
import select
import socket
from http.client import HTTPException, HTTPResponse
from typing import Any
from urllib.parse import quote, urlsplit

from benchmarks.fuzzing import Report, damaged, main, try_examples, watching
from hypothesis import strategies as st
from support.servers import Server

FAULTS = {500, 502, "left open"}
"""Answers that tell of a mistake in the server."""

PATIENCE = 30.0
"""Seconds in which a server must have answered."""

IMPATIENCE = 0.02
"""Seconds after which a server that says nothing is told that nothing more is coming."""

SOUND: list[tuple[str, Any]] = [
    ("v1/models/half:predict", {"instances": [1.0, 2.0]}),
    ("v1/models/half/versions/1:predict", {"inputs": {"x": [1, 2]}}),
    ("v1/models/words:predict", {"instances": [{"text": "a"}, {"text": {"b64": "AAE="}}]}),
    ("v1/models/pair:predict", {"signature_name": "serving_default", "instances": [{"a": [1, 2], "b": 3}]}),
    ("v1/models/echo:predict", {"signature_name": "int8", "inputs": [1, -2]}),
    (
        "v1/models/examples:classify",
        {"signature_name": "classify", "context": {"shift": 1}, "examples": [{"x": 1.5}]},
    ),
    ("v1/models/examples:regress", {"examples": [{"x": 1.5}, {"x": [2.5]}]}),
    ("v1/models/half", {}),
    ("v1/models/half/metadata", {}),
    ("v2/models/half/infer", {"inputs": [{"name": "x", "datatype": "FP32", "shape": [2], "data": [1, 2]}]}),
    ("v2/models/half", {}),
]
"""What is answered: its path and its body."""

_WORDS = st.sampled_from(["x", "a", "b", "text", "b64", "shift", "int8", "classify"]) | st.text(max_size=6)
_NUMBERS = st.integers() | st.floats() | st.sampled_from([2**63, -(2**63) - 1, 10**400, 1e39])
_VALUES = st.recursive(
    st.none() | st.booleans() | _NUMBERS | _WORDS,
    lambda each: st.lists(each, max_size=4) | st.dictionaries(_WORDS, each, max_size=3),
    max_leaves=8,
)
_TENSORS = st.fixed_dictionaries(
    {"name": st.just("x")},
    optional={
        "datatype": st.sampled_from(["FP32", "UINT8", "BYTES", "BF16"]) | _VALUES,
        "shape": st.lists(st.integers(-1, 3), max_size=3) | _VALUES,
        "data": st.lists(_NUMBERS, max_size=4) | _VALUES,
        "parameters": st.dictionaries(st.just("binary_data_size"), _VALUES) | _VALUES,
    },
)
_KEYS = (
    st.sampled_from(["instances", "inputs", "examples", "context", "signature_name", "outputs", "parameters"])
    | _WORDS
)
_DEEP = st.builds(
    lambda opening, depth: opening * depth, st.sampled_from([b"[", b'{"x":']), st.integers(1, 10**5)
)
_TARGETS = st.sampled_from(
    ["/", "/metrics", "/livez", "/v1/models", "/v1/models/none:predict", "/v1/models/half/labels/none", "*"]
) | st.builds("/v1/models/{}?{}".format, st.text(max_size=9).map(quote), st.text(max_size=3).map(quote))
_HEADERS = st.fixed_dictionaries(
    {},
    optional={
        "Accept-Encoding": st.sampled_from(["gzip", "gzip;q=0", "*"]),
        "Authorization": st.just("Bearer x"),
        "Content-Encoding": st.sampled_from(["deflate", "identity", "br"]),
        "Content-Type": st.sampled_from(["application/json", "text/plain", "a; b"]),
        "Expect": st.just("100-continue"),
        "Inference-Header-Content-Length": st.sampled_from(["0", "60", "1e3", "9" * 30]),
        "Origin": st.just("http://elsewhere"),
    },
)


def fuzz(server: Server, inputs: int, seed: int) -> Report:
    """Send so many requests, one connection each."""
    url = urlsplit(server.state["rest_address"])
    address = (str(url.hostname), url.port or 80)
    with watching(server, inputs) as (report, take):

        def attempt(method: str, words: bytes, is_damaged: bool) -> None:
            answer = _say(address, method, words, whole=not is_damaged)
            assert isinstance(answer, int) or is_damaged, (answer, words)
            assert answer not in FAULTS, (answer, words)
            take(str(answer))

        try_examples(_requests(), attempt, inputs, seed)
    return report


@st.composite
def _requests(draw: st.DrawFn) -> tuple[str, bytes]:
    """Methods and requests that HTTP allows; what they ask may be nonsense."""
    path, document = draw(st.sampled_from(SOUND))
    changed = document | draw(st.dictionaries(_KEYS, _VALUES | st.lists(_TENSORS, max_size=2), max_size=2))
    as_told = draw(st.booleans())
    text = json.dumps(changed, ensure_ascii=draw(st.booleans()))
    body = text.encode(errors="surrogatepass")
    if not as_told:
        body = draw(st.builds(damaged, st.randoms(use_true_random=False), st.just(body)) | _DEEP)
    headers = {"Host": "localhost", "Connection": "close"} | draw(_HEADERS)
    if draw(st.booleans()):
        body = gzip.compress(body, 1)
        headers["Content-Encoding"] = "gzip"
    method = "POST" if document else "GET"
    if not as_told:
        method = draw(st.sampled_from(["GET", "POST", "OPTIONS", "HEAD", "PUT", "DELETE"]))
    target = draw(st.just(f"/{path}") | _TARGETS)
    first = f"{method} {target} HTTP/1.1"
    return method, _on_the_wire(first, headers, body, chunked=draw(st.booleans()))


def _on_the_wire(first: str, headers: dict[str, str], body: bytes, *, chunked: bool) -> bytes:
    """The request; its body in two pieces where it is chunked."""
    if chunked:
        cut = len(body) // 2
        pieces = [piece for piece in (body[:cut], body[cut:]) if piece] + [b""]
        body = b"".join(b"%x\r\n%b\r\n" % (len(piece), piece) for piece in pieces)
        headers |= {"Transfer-Encoding": "chunked"}
    else:
        headers |= {"Content-Length": str(len(body))}
    lines = [first, *(f"{name}: {value}" for name, value in headers.items()), "", ""]
    return "\r\n".join(lines).encode() + body


def _say(address: tuple[str, int], method: str, words: bytes, *, whole: bool) -> int | str:
    """The status of the answer, or how the connection ended without one.

    What may not be a whole request is half closed: the server may wait for more.
    """
    with socket.create_connection(address, PATIENCE) as connection:
        try:
            connection.sendall(words)
            if not whole:
                select.select([connection], [], [], IMPATIENCE)
                connection.shutdown(socket.SHUT_WR)
            with HTTPResponse(connection, method=method) as response:
                response.begin()
                response.read()
                return response.status
        except TimeoutError:
            return "left open"
        except (OSError, HTTPException):
            return "closed without an answer"


if __name__ == "__main__":
    main(__doc__, fuzz)
