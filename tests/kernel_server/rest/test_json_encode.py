"""Arrays to reply bodies."""

import json

import ml_dtypes
import numpy as np
import pytest

from kernel_server.core.servable import Array
from kernel_server.errors import InvalidArgument
from kernel_server.rest.json_encode import encode


def floats(*values: float) -> Array:
    return np.array(values, np.float32)


def objects(*values: bytes) -> Array:
    return np.array(values, object)


@pytest.mark.parametrize(
    ("outputs", "in_rows", "text"),
    [
        ({"y": floats(2.5, 3, 4.5)}, True, b'{"predictions":[2.5,3.0,4.5]}'),
        ({"y": floats(0.1, 1e-7)}, False, b'{"outputs":[0.1,1e-7]}'),
        ({"y": floats(0.1, np.nan, np.inf, -np.inf)}, True, b'{"predictions":[0.1,NaN,Infinity,-Infinity]}'),
        ({"y": np.array([0.1, np.nan])}, True, b'{"predictions":[0.1,NaN]}'),
        ({"y": np.array(2.5, np.float32)}, False, b'{"outputs":2.5}'),
        ({"y": np.array(np.nan, np.float32)}, False, b'{"outputs":NaN}'),
        ({"y": np.zeros((0, 3), np.float32)}, True, b'{"predictions":[]}'),
        ({"y": np.zeros((2, 0), np.float32)}, True, b'{"predictions":[[],[]]}'),
        ({"y": np.arange(4, dtype=np.int64).reshape(2, 2)[:, 1]}, True, b'{"predictions":[1,3]}'),
        ({"y": np.array([[True], [False]])}, True, b'{"predictions":[[true],[false]]}'),
        ({"y": np.array([2**64 - 1], np.uint64)}, True, b'{"predictions":[18446744073709551615]}'),
        ({"y": objects(b'a"\n', "ü".encode())}, True, '{"predictions":["a\\"\\n","ü"]}'.encode()),
        ({"y": objects(b"\xff")}, True, b'{"predictions":["\xff"]}'),
        ({"y_bytes": objects(b"\xff")}, True, b'{"predictions":[{"b64":"/w=="}]}'),
        ({"y_bytes": floats(1)}, True, b'{"predictions":[1.0]}'),
        ({"y_bytes": np.array([[b"x"]], object)}, False, b'{"outputs":[[{"b64":"eA=="}]]}'),
        ({"a": floats(1, 2), "b": np.array([[3], [4]])}, False, b'{"outputs":{"a":[1.0,2.0],"b":[[3],[4]]}}'),
        (
            {"a": floats(1, 2), "b": np.array([[3], [4]])},
            True,
            b'{"predictions":[{"a":1.0,"b":[3]},{"a":2.0,"b":[4]}]}',
        ),
        (
            {"a": floats(1, np.nan), "s": objects(b"x", b"y")},
            True,
            b'{"predictions":[{"a":1.0,"s":"x"},{"a":NaN,"s":"y"}]}',
        ),
    ],
)
def test_encodes(outputs: dict[str, Array], in_rows: bool, text: bytes) -> None:
    assert encode(outputs, in_rows=in_rows) == text


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("spoilt", [False, True])
def test_floats_read_back_equal(dtype: type[np.floating], spoilt: bool) -> None:
    bits = np.random.default_rng(0).integers(0, 2**32, 2000, np.uint32)
    drawn = bits.view(np.float32)
    sent = np.append(drawn[np.isfinite(drawn)], [0, -0.0, 1, 9e6, np.nan if spoilt else 1]).astype(dtype)
    received = json.loads(encode({"y": sent}, in_rows=True))["predictions"]
    np.testing.assert_array_equal(np.array(received, dtype), sent)
    assert all(isinstance(value, float) for value in received)


@pytest.mark.parametrize(
    ("outputs", "in_rows", "message"),
    [
        ({}, True, "Cannot convert empty tensor map to JSON"),
        ({"y": np.array(1.0)}, True, "Tensor name: y has no shape information "),
        (
            {"a": floats(1), "b": floats(1, 2)},
            True,
            "Tensor name: b has inconsistent batch size: 2 expecting: 1",
        ),
        ({"y": np.zeros(1, np.float16)}, True, "Failed to write JSON value for tensor type: half"),
        (
            {"y": np.zeros(1, ml_dtypes.bfloat16)},
            False,
            "Failed to write JSON value for tensor type: bfloat16",
        ),
        ({"y": np.zeros(1, np.complex64)}, False, "Failed to write JSON value for tensor type: complex64"),
    ],
)
def test_refuses(outputs: dict[str, Array], in_rows: bool, message: str) -> None:
    with pytest.raises(InvalidArgument) as caught:
        encode(outputs, in_rows=in_rows)
    assert caught.value.message == message
