import math

import pytest

from kernel_server.rest.json_parse import ECHO_LIMIT, JsonParseError, echo, parse


@pytest.mark.parametrize(
    ("text", "value"),
    [
        (b'{"a": [1, 2.5, true, null, "x"]}', {"a": [1, 2.5, True, None, "x"]}),
        (b"[Infinity, Inf, -Infinity, -Inf]", [math.inf, math.inf, -math.inf, -math.inf]),
        (b'{"a": 1} trailing', {"a": 1}),
        (b"[NaN] [", [pytest.approx(math.nan, nan_ok=True)]),
        (b"\xef\xbb\xbf[1]", [1]),
        (b"\xef\xbb\xbf[1] rest", [1]),
        (b"[18446744073709551615, 18446744073709551616]", [2**64 - 1, 2.0**64]),
    ],
)
def test_takes_what_tensorflow_serving_takes(text: bytes, value: object) -> None:
    assert parse(text) == value


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (b"", "JSON Parse error: The document is empty"),
        (b"  ", "JSON Parse error: The document is empty. at offset: 2"),
        (b"tru", "JSON Parse error: Invalid value. at offset: 3"),
        (b'{"a": 1', "JSON Parse error: Missing a comma or '}' after an object member. at offset: 7"),
        (b"[1e999]", "JSON Parse error: Number too big to be stored in double. at offset: 1"),
        (b'"\xff"', "JSON Parse error: Invalid encoding in string. at offset: 1"),
    ],
)
def test_says_what_is_no_json_and_where(text: bytes, message: str) -> None:
    with pytest.raises(JsonParseError) as caught:
        parse(text)
    assert caught.value.message == message


@pytest.mark.parametrize("text", [b"[" * 500_000, b"[" * 500_000 + b"]" * 500_000, b'{"a":' * 500_000])
def test_refuses_deep_nesting(text: bytes) -> None:
    with pytest.raises(JsonParseError, match="nested too deeply"):
        parse(text)


def test_echo_is_indented_by_four() -> None:
    assert echo({"a": [1.0, math.nan], "b": []}) == (
        '{\n    "a": [\n        1.0,\n        NaN\n    ],\n    "b": []\n}'
    )


@pytest.mark.parametrize("value", ["x" * 10_000, list(range(1_000_000)), parse(b"[" * 1000 + b"]" * 1000)])
def test_echo_is_cut(value: object) -> None:
    assert len(echo(value)) == ECHO_LIMIT + len("...")
