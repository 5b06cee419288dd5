"""Request bodies to arrays: what is accepted, and each refusal of TensorFlow Serving word for word."""

import base64
import json

import numpy as np
import pytest

from kernel_server.core.dtypes import DataType
from kernel_server.core.servable import Array
from kernel_server.core.signature import Signature, TensorSpec
from kernel_server.errors import InvalidArgument, Unimplemented
from kernel_server.rest.json_decode import PredictBody


def signature(**inputs: DataType) -> Signature:
    return Signature("s", {name: TensorSpec(f"{name}:0", dtype, None) for name, dtype in inputs.items()}, {})


def decode(body: object, wanted: Signature) -> dict[str, Array]:
    return PredictBody(body if isinstance(body, bytes) else json.dumps(body).encode()).arrays(wanted)


def refusal(body: object, wanted: Signature) -> str:
    with pytest.raises(InvalidArgument) as caught:
        decode(body, wanted)
    return caught.value.message


X = signature(x=DataType.FLOAT)
XY = signature(x=DataType.FLOAT, y=DataType.INT32)
WORDS = signature(s=DataType.STRING)


def b64(data: bytes) -> dict[str, str]:
    return {"b64": base64.b64encode(data).decode()}


def same(array: Array, values: object, dtype: object) -> None:
    expected = np.array(values, dtype)
    assert array.dtype == expected.dtype
    assert array.shape == expected.shape
    np.testing.assert_array_equal(array, expected)


class TestAccepted:
    def test_rows_of_plain_values(self) -> None:
        same(decode({"instances": [1, 2.5, 5]}, X)["x"], [1, 2.5, 5], np.float32)

    def test_rows_of_lists(self) -> None:
        same(decode({"instances": [[[1, 2]], [[3, 4]]]}, X)["x"], [[[1, 2]], [[3, 4]]], np.float32)

    def test_rows_of_objects(self) -> None:
        arrays = decode({"instances": [{"x": [1], "y": 2}, {"y": 3, "x": [4]}]}, XY)
        same(arrays["x"], [[1], [4]], np.float32)
        same(arrays["y"], [2, 3], np.int32)

    def test_rows_of_objects_for_one_input(self) -> None:
        same(decode({"instances": [{"x": 1}, {"x": 2}]}, X)["x"], [1, 2], np.float32)

    def test_columns(self) -> None:
        arrays = decode({"inputs": {"x": [[1, 2]], "y": 7, "extra": "ignored"}}, XY)
        same(arrays["x"], [[1, 2]], np.float32)
        same(arrays["y"], 7, np.int32)

    def test_column_of_the_only_input(self) -> None:
        same(decode({"inputs": [[1], [2]]}, X)["x"], [[1], [2]], np.float32)
        same(decode({"inputs": 2.5}, X)["x"], 2.5, np.float32)

    def test_other_keys_are_ignored(self) -> None:
        same(decode({"instances": [1], "id": "true", "signature_name": "s"}, X)["x"], [1], np.float32)

    def test_strings_and_bytes(self) -> None:
        body = {"instances": ["true", b64(b"\x00\xff\x00"), "ü"]}
        same(decode(body, WORDS)["s"], [b"true", b"\x00\xff\x00", "ü".encode()], object)
        same(decode({"inputs": b64(b"x")}, WORDS)["s"], b"x", object)
        same(decode({"inputs": [["a"], ["b"]]}, WORDS)["s"], [[b"a"], [b"b"]], object)

    def test_base64_may_lack_padding_and_hold_line_breaks(self) -> None:
        same(decode({"instances": [{"b64": "eA"}, {"b64": "e\nA=="}]}, WORDS)["s"], [b"x", b"x"], object)

    def test_an_input_named_b64_of_several_is_a_key(self) -> None:
        both = signature(b64=DataType.STRING, x=DataType.FLOAT)
        same(decode({"instances": [{"b64": "raw", "x": 1}]}, both)["b64"], [b"raw"], object)

    def test_not_a_number_and_infinities(self) -> None:
        same(decode(b'{"instances": [NaN, Inf, -Infinity]}', X)["x"], [np.nan, np.inf, -np.inf], np.float32)

    def test_floats_beyond_the_range_of_the_type(self) -> None:
        same(decode({"instances": [1e39, -1e39, 1e-60]}, X)["x"], [np.inf, -np.inf, 0], np.float32)

    def test_every_integer_type_up_to_its_ends(self) -> None:
        for dtype in (DataType.INT32, DataType.INT64, DataType.UINT32, DataType.UINT64):
            ends = [int(np.iinfo(dtype.numpy).min), 1, int(np.iinfo(dtype.numpy).max)]
            same(decode({"instances": ends}, signature(n=dtype))["n"], ends, dtype.numpy)

    def test_narrow_integers_are_cut_to_their_width(self) -> None:
        for dtype in (DataType.INT8, DataType.UINT8, DataType.INT16):
            sent = np.array([300, -1, 2**31 - 1])
            array = decode({"instances": sent.tolist()}, signature(n=dtype))["n"]
            same(array, sent.astype(dtype.numpy), dtype.numpy)

    def test_booleans(self) -> None:
        flags = signature(b=DataType.BOOL)
        same(decode({"instances": [[True], [False]]}, flags)["b"], [[True], [False]], np.bool_)

    def test_doubles_keep_their_digits(self) -> None:
        same(decode({"instances": [0.1, 1e300]}, signature(d=DataType.DOUBLE))["d"], [0.1, 1e300], np.float64)

    @pytest.mark.parametrize("dtype", [DataType.FLOAT, DataType.INT32, DataType.STRING, DataType.BOOL])
    def test_empty_lists_have_a_shape(self, dtype: DataType) -> None:
        same(decode({"instances": [[], []]}, signature(v=dtype))["v"], np.zeros((2, 0)), dtype.numpy)
        same(decode({"inputs": []}, signature(v=dtype))["v"], [], dtype.numpy)

    def test_a_thousand_rows(self) -> None:
        rows = np.random.default_rng(0).random((1000, 7), np.float32)
        same(decode({"instances": rows.tolist()}, X)["x"], rows, np.float32)


class TestRefusedRequests:
    def test_no_object(self) -> None:
        assert refusal(b"[1]", X) == "JSON Value: [\n    1\n] Is not object"

    def test_signature_name(self) -> None:
        assert refusal({"signature_name": 5}, X) == (
            'JSON Value: {\n    "signature_name": 5\n} not formatted correctly. '
            "'signature_name' key must be a string value."
        )

    def test_signature_without_inputs(self) -> None:
        assert refusal({"instances": [1]}, signature()) == "Failed to get input map for signature: DEFAULT"
        body = {"instances": [1], "signature_name": "count"}
        assert refusal(body, signature()) == "Failed to get input map for signature: count"

    def test_both_keys(self) -> None:
        assert refusal(b'{"inputs":0,"instances":0}', X) == (
            'JSON Value: {\n    "inputs": 0,\n    "instances": 0\n} '
            "Not formatted correctly expecting only one of 'inputs' or 'instances' keys to exist "
        )

    def test_neither_key(self) -> None:
        assert refusal({}, X) == "Missing 'inputs' or 'instances' key"

    def test_instances_no_list(self) -> None:
        assert refusal({"instances": 1}, X) == (
            "JSON Value: {\n    \"instances\": 1\n} Expecting 'instances' to be an list/array"
        )

    def test_no_instances(self) -> None:
        assert refusal({"instances": []}, X) == (
            "JSON Value: {\n    \"instances\": []\n} No values in 'instances' array"
        )

    def test_echo_is_cut(self) -> None:
        message = refusal({"instances": {str(i): i for i in range(1000)}}, X)
        assert message.endswith("... Expecting 'instances' to be an list/array")
        assert len(message) < 350

    @pytest.mark.parametrize("first", [1, [1], {"b64": "eA=="}])
    def test_plain_rows_for_several_inputs(self, first: object) -> None:
        assert refusal({"instances": [first]}, XY) == (
            "instances is a plain list, but expecting list of objects as multiple input tensors "
            "required as per tensorinfo_map"
        )

    def test_plain_column_for_several_inputs(self) -> None:
        assert refusal({"inputs": [1]}, XY) == (
            "inputs is a plain value/list, but expecting an object as multiple input tensors "
            "required as per tensorinfo_map"
        )

    def test_missing_column(self) -> None:
        assert refusal({"inputs": {"x": 1}}, XY) == "Missing named input: y in 'inputs' object."

    def test_mixed_rows(self) -> None:
        assert refusal({"instances": [{"x": 1}, [2]]}, X) == (
            "Expecting object but got list at item 1 of input list"
        )
        assert refusal({"instances": [1, {"x": 1}]}, X) == (
            "Expecting value/list but got object at item 1 of input list"
        )

    def test_unknown_key(self) -> None:
        assert refusal({"instances": [{"z": 1}]}, X) == (
            "Failed to process element: 0 key: z of 'instances' list. Error: INVALID_ARGUMENT: "
            "JSON object: does not have named input: z"
        )

    def test_missing_key(self) -> None:
        assert refusal({"instances": [{"x": 1, "y": 1}, {"x": 1}]}, XY) == (
            "Failed to process element: 1 of 'instances' list. "
            'JSON object: {\n    "x": 1\n} keys must be equal to: x,y'
        )


class TestRefusedValues:
    @pytest.mark.parametrize(
        ("dtype", "literal", "kind"),
        [
            (DataType.FLOAT, "true", "True"),
            (DataType.FLOAT, "false", "False"),
            (DataType.FLOAT, "null", "Null"),
            (DataType.FLOAT, '"1.5"', "String"),
            (DataType.FLOAT, "{}", "Object"),
            (DataType.DOUBLE, "true", "True"),
            (DataType.INT32, "1.0", "Number"),
            (DataType.INT32, "true", "True"),
            (DataType.INT32, "2147483648", "Number"),
            (DataType.INT8, "2147483648", "Number"),
            (DataType.INT64, "9223372036854775808", "Number"),
            (DataType.INT64, "1e3", "Number"),
            (DataType.UINT32, "-1", "Number"),
            (DataType.UINT64, "-1", "Number"),
            (DataType.UINT64, "18446744073709551616", "Number"),
            (DataType.BOOL, "1", "Number"),
            (DataType.STRING, "1", "Number"),
            (DataType.STRING, "true", "True"),
        ],
    )
    def test_wrong_type(self, dtype: DataType, literal: str, kind: str) -> None:
        problem = f" Type: {kind} is not of expected type: {dtype.label}"
        message = refusal(f'{{"inputs": [{literal}]}}'.encode(), signature(v=dtype))
        assert message.startswith("JSON Value: ")
        assert message.endswith(problem)

    def test_a_wrong_value_in_a_row_is_wrapped(self) -> None:
        assert refusal({"instances": [1, True]}, X) == (
            "Failed to process element: 1 of 'instances' list. Error: INVALID_ARGUMENT: "
            "JSON Value: true Type: True is not of expected type: float"
        )

    @pytest.mark.parametrize("literal", ["true", "null", '"2"', "{}", "[2]"])
    def test_one_wrong_value_among_good_ones(self, literal: str) -> None:
        message = refusal(f'{{"instances": [[1.5, 2], [1.5, {literal}]]}}'.encode(), X)
        assert message.startswith("Failed to process element: 1 of 'instances' list. Error: ")

    def test_one_float_among_integers(self) -> None:
        message = refusal({"instances": [1, 2.0]}, signature(n=DataType.INT32))
        assert "JSON Value: 2.0 Type: Number is not of expected type: int32" in message

    def test_key_is_named(self) -> None:
        assert refusal({"instances": [{"x": "a", "y": 1}]}, XY) == (
            "Failed to process element: 0 key: x of 'instances' list. Error: INVALID_ARGUMENT: "
            'JSON Value: "a" Type: String is not of expected type: float'
        )

    def test_size_and_shape_of_rows(self) -> None:
        wrapper = "Failed to process element: 1 of 'instances' list. Error: INVALID_ARGUMENT: "
        assert refusal({"instances": [[1, 2], [3]]}, X) == wrapper + "Expecting tensor size: 2 but got: 1"
        assert refusal({"instances": [[[1, 2]], [[1], [2]]]}, X) == (
            wrapper + "Expecting shape [1,2] but got: [2,1]"
        )

    @pytest.mark.parametrize(
        ("value", "message"),
        [
            ([[1, 2], [3]], "Encountered list at unexpected size: 1 at level: 1 expected size: 2"),
            ([1, [2]], "Encountered list at unexpected level: 1 expected < 1"),
            ([[1], 2], "JSON Value: 2 found at incorrect level: 2 in the JSON DOM. Expected at level: 2"),
        ],
    )
    def test_ragged(self, value: object, message: str) -> None:
        assert refusal({"inputs": value}, X) == message

    def test_base64(self) -> None:
        assert refusal({"inputs": [{"b64": 1}]}, WORDS) == (
            'JSON Value: {\n    "b64": 1\n} not formatted correctly for base64 data'
        )
        assert refusal({"inputs": [{"b64": "e"}]}, WORDS) == "Unable to base64 decode"
        assert refusal({"inputs": [{"b64": "e$=="}]}, WORDS) == "Unable to base64 decode"
        assert refusal({"inputs": [{"b64": "ü"}]}, WORDS) == "Unable to base64 decode"

    def test_base64_for_a_number(self) -> None:
        message = refusal({"inputs": [b64(b"x")]}, X)
        assert message.endswith("Type: Object is not of expected type: float")

    def test_types_without_a_json_form(self) -> None:
        half = signature(h=DataType.HALF)
        with pytest.raises(Unimplemented) as caught:
            decode({"inputs": [1]}, half)
        assert caught.value.message == "Conversion of JSON Value: 1 to type: half"
        assert refusal({"instances": [1]}, half) == (
            "Failed to process element: 0 of 'instances' list. Error: UNIMPLEMENTED: "
            "Conversion of JSON Value: 1 to type: half"
        )

    @pytest.mark.parametrize("depth", [70, 900])
    def test_more_dimensions_than_a_tensor_has(self, depth: int) -> None:
        text = b'{"inputs":' + b"[" * depth + b"]" * depth + b"}"
        assert f"nested {depth} deep" in refusal(text, X)
