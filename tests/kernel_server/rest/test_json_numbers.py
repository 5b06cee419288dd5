"""Lists of numbers read without Python objects: the same as by way of them, or left to that way."""

import json

import numpy as np
import pytest

from kernel_server.core.dtypes import DataType
from kernel_server.core.signature import Signature, TensorSpec
from kernel_server.rest.json_decode import PredictBody
from kernel_server.rest.json_numbers import numbers
from kernel_server.rest.json_quick import quick_predict

SHAPES = [(5,), (1, 784), (32, 10), (2, 3, 4), (1, 8, 8, 3), (3, 1, 1), (400, 100), (40_000,), (1, 40_000)]
FLOATS = Signature("serving_default", {"x": TensorSpec("x:0", DataType.FLOAT, None)}, {})
TWO = Signature("two", {"x": TensorSpec("x:0", DataType.FLOAT, None)} | {"n": FLOATS.inputs["x"]}, {})
WORDS = Signature("words", {"x": TensorSpec("x:0", DataType.STRING, None)}, {})
SIGNATURES = {signature.name: signature for signature in (FLOATS, TWO, WORDS)}
ROW = json.dumps([0.5] * 400)


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("layout", [{}, {"separators": (",", ":")}, {"indent": 1}])
def test_numbers_come_as_they_were_sent(shape: tuple[int, ...], layout: dict[str, object]) -> None:
    sent = np.random.default_rng(0).standard_normal(shape)
    text = json.dumps(sent.tolist(), **layout).encode()  # type: ignore[arg-type]
    for dtype in (DataType.FLOAT, DataType.DOUBLE):
        read = numbers(text, dtype)
        assert read is not None and read.dtype == dtype.numpy
        np.testing.assert_array_equal(read, sent.astype(dtype.numpy))


@pytest.mark.parametrize(
    ("text", "dtype"),
    [
        (b"[-128, 127, 300]", DataType.INT8),
        (b"[[-2147483648, 2147483647]]", DataType.INT32),
        (b"[-9223372036854775808, 9223372036854775807]", DataType.INT64),
        (b"[0, 4294967295]", DataType.UINT32),
        (b"[0, 18446744073709551615]", DataType.UINT64),
        (b"[1, 2.5, -0.0, -0, 1e-400, 1e300, 9007199254740993]", DataType.FLOAT),
        (b"[16777217, 0.1, 1E5, 18446744073709551615]", DataType.DOUBLE),
    ],
)
def test_they_are_those_that_json_has(text: bytes, dtype: DataType) -> None:
    signature = Signature("s", {"x": TensorSpec("x:0", dtype, None)}, {})
    expected = PredictBody(b'{"inputs": ' + text + b"}").arrays(signature)["x"]
    read = numbers(text, dtype)
    assert read is not None and read.dtype == expected.dtype
    assert read.tobytes() == expected.tobytes()


@pytest.mark.parametrize(
    "text",
    [
        *(
            b"",
            b"1",
            b"[]",
            b"[[]]",
            b"[[],[1]]",
            b"[[1],[]]",
            b"[1,]",
            b"[,1]",
            b"[1 2]",
            b"[1],[2]",
            b"[1] 2",
        ),
        *(
            b"[[1,2],[3]]",
            b"[[1],[2,3]]",
            b"[[1],2]",
            b"[1,[2]]",
            b"[1[,2]]",
            b"[[[1]],[2]]",
            b"[[1,2],[3,4]",
        ),
        *(
            b"[NaN]",
            b"[Infinity]",
            b"[true]",
            b"[null]",
            b'["1"]',
            b"[{}]",
            b"[1.]",
            b"[01]",
            b"[+1]",
            b"[e]",
        ),
        *(b"[1e400]", b"[18446744073709551616]", b"[1\x0b]", b"[\xff]", b"[" * 40 + b"1" + b"]" * 40),
        b"[" + b"[1,2]," * 50_000 + b"[3]]",
        b"[" + b"[1,2]," * 50_000 + b"[3,4]",
        b"[[1,2]," + b"1," * 200_000 + b"2]",
    ],
)
def test_everything_else_needs_a_closer_look(text: bytes) -> None:
    assert numbers(text, DataType.FLOAT) is None


@pytest.mark.parametrize(
    ("text", "dtype"),
    [
        (b"[1.0]", DataType.INT32),
        (b"[2147483648]", DataType.INT32),
        (b"[9223372036854775808]", DataType.INT64),
        (b"[-1]", DataType.UINT64),
        (b"[4294967296]", DataType.UINT32),
        (b"[1]", DataType.BOOL),
        (b"[1]", DataType.STRING),
        (b"[1]", DataType.HALF),
    ],
)
def test_numbers_that_the_type_does_not_have_do_so_too(text: bytes, dtype: DataType) -> None:
    assert numbers(text, dtype) is None


@pytest.mark.parametrize(
    "body",
    [
        f'{{"instances": [{ROW}, {ROW}]}}',
        f'{{"instances": {ROW}}}',
        f'{{"inputs": [{ROW}]}}',
        f'{{"inputs": {{"x": [{ROW}]}}}}',
        f'{{"inputs": {{"x": [{ROW}], "more": 1}}}}',
        f'{{"signature_name": "", "instances": [{ROW}]}}',
        f'{{"instances": [{ROW}], "signature_name": "serving_default"}}',
        f'{{"instances": 1, "instances": [{ROW}]}}',
    ],
)
def test_a_request_is_read_as_it_would_be_without_haste(body: str) -> None:
    text = body.encode()
    slow = PredictBody(text)
    quick = quick_predict(text, SIGNATURES)
    if 'more": [' in body:
        assert quick is None
        return
    assert quick is not None
    assert (quick.in_rows, quick.signature_name) == (slow.in_rows, "serving_default")
    np.testing.assert_array_equal(quick.inputs["x"], slow.arrays(FLOATS)["x"])


@pytest.mark.parametrize(
    "body",
    [
        '{"instances": [1.0]}',
        f'{{"instances": [{ROW}], "inputs": 1}}',
        f'{{"instances": [{ROW}], "instances": 1}}',
        f'{{"instances": {{"x": [{ROW}]}}}}',
        f'{{"instances": [{{"x": {ROW}}}]}}',
        f'{{"instances": [{ROW}, [1]]}}',
        f'{{"inputs": {{"y": [{ROW}]}}}}',
        f'{{"inputs": {{"x": [[{ROW}]]}}, "y": [1]}}',
        f'{{"signature_name": 1, "instances": [{ROW}]}}',
        f'{{"signature_name": "none", "instances": [{ROW}]}}',
        f'{{"signature_name": "two", "inputs": {{"x": {ROW}}}}}',
        f'{{"signature_name": "words", "instances": [{ROW}]}}',
        f'{{"signature_name": "{ROW}", "instances": 1}}',
        f'{{"signature_name": "no[t] it", "signature_name": "serving_default", "inputs": 1, "more": {ROW}}}',
        f'{{"instances": [{ROW}]}} more',
        f'\ufeff{{"instances": [{ROW}]}}',
        f'{{"instances": [{ROW}]',
        f'["instances", {ROW}]',
        ROW,
        "]" + ROW + "[",
        " " * 2000,
    ],
)
def test_what_is_not_plainly_one_list_for_one_input_is_left_to_closer_looks(body: str) -> None:
    assert quick_predict(body.encode(), SIGNATURES) is None
