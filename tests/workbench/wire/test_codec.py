"""The hand-joined bytes against the stock messages, which are the authority."""

import ml_dtypes
import numpy as np
import pytest
from google.protobuf.message import DecodeError
from tensorflow import make_ndarray, make_tensor_proto
from tensorflow_serving.apis import predict_pb2

from workbench.wire.codec import decode_predict, encode_predict

ARRAYS = {
    "float": np.array([[1.5, -2.0], [np.nan, np.inf]], np.float32),
    "double": np.linspace(0, 1, 7),
    "int32": np.array([[-1, 2**31 - 1]], np.int32),
    "uint8": np.arange(256, dtype=np.uint8).reshape(2, 128),
    "int16": np.array([-5, 5], np.int16),
    "int8": np.array([-5, 5], np.int8),
    "string": np.array([[b"\xff\x00", b""], [b"a", b"bc"]], object),
    "complex64": np.array([1 + 2j, -3j], np.complex64),
    "complex128": np.array([[1 + 2j]], np.complex128),
    "int64": np.array([-(2**63), 2**63 - 1]),
    "bool": np.array([[True], [False]]),
    "bfloat16": np.array([1.0, -2.5], ml_dtypes.bfloat16),
    "uint16": np.array([0, 65535], np.uint16),
    "half": np.array([[0.5, -4.0]], np.float16),
    "uint32": np.array([0, 2**32 - 1], np.uint32),
    "uint64": np.array([0, 2**64 - 1], np.uint64),
    "scalar": np.array(3.0, np.float32),
    "empty": np.zeros((0, 4), np.float32),
    "strided": np.arange(12, dtype=np.float32).reshape(3, 4)[:, ::2],
}


@pytest.mark.parametrize("array", ARRAYS.values(), ids=ARRAYS.keys())
def test_the_stock_message_reads_what_we_encode(array):
    request = predict_pb2.PredictRequest.FromString(encode_predict("m", {"x": array}))
    received = make_ndarray(request.inputs["x"])
    assert received.dtype == array.dtype
    np.testing.assert_array_equal(received, array)


def test_everything_else_in_a_request_arrives():
    data = encode_predict(
        "digits",
        {"a": np.ones(3, np.float32), "b" * 300: np.zeros((2, 2), np.int32)},
        version=7,
        signature="classify",
        output_filter=["y", "z"],
    )
    request = predict_pb2.PredictRequest.FromString(data)
    assert request.model_spec.name == "digits"
    assert request.model_spec.version.value == 7
    assert request.model_spec.signature_name == "classify"
    assert list(request.output_filter) == ["y", "z"]
    assert set(request.inputs) == {"a", "b" * 300}
    assert make_ndarray(request.inputs["b" * 300]).shape == (2, 2)


def test_version_zero_is_a_version_and_a_label_is_sent():
    request = predict_pb2.PredictRequest.FromString(encode_predict("m", {}, version=0))
    assert request.model_spec.HasField("version")
    request = predict_pb2.PredictRequest.FromString(encode_predict("m", {}, label="stable"))
    assert request.model_spec.version_label == "stable"


def test_str_is_sent_as_utf_8():
    for array in (np.array(["é", "x"], object), np.array(["é", "x"])):
        request = predict_pb2.PredictRequest.FromString(encode_predict("m", {"s": array}))
        assert list(request.inputs["s"].string_val) == ["é".encode(), b"x"]


def test_a_type_without_element_type_is_refused():
    with pytest.raises(TypeError, match="datetime64"):
        encode_predict("m", {"t": np.array(["2020-01-01"], "datetime64[D]")})


def reply_with(tensor):
    reply = predict_pb2.PredictResponse()
    reply.outputs["y"].CopyFrom(tensor)
    reply.model_spec.name = "m"
    reply.model_spec.version.value = 3
    reply.model_spec.signature_name = "serving_default"
    return reply.SerializeToString()


@pytest.mark.parametrize("array", ARRAYS.values(), ids=ARRAYS.keys())
def test_we_read_tensor_content(array):
    output = decode_predict(reply_with(make_tensor_proto(array))).outputs["y"]
    assert output.dtype == array.dtype
    np.testing.assert_array_equal(output, array)


@pytest.mark.parametrize("name", [name for name in ARRAYS if name != "strided"])
def test_we_read_typed_fields(name):
    array = ARRAYS[name]
    tensor = make_tensor_proto(array)
    tensor.ClearField("tensor_content")
    tensor.ClearField("string_val")
    fill_typed_field(tensor, array.ravel())
    output = decode_predict(reply_with(tensor)).outputs["y"]
    assert output.dtype == array.dtype
    np.testing.assert_array_equal(output, array)


def fill_typed_field(tensor, values):
    name = values.dtype.name
    if name in ("float16", "bfloat16"):
        tensor.half_val[:] = values.view(np.uint16).tolist()
    elif name in ("complex64", "complex128"):
        field = tensor.scomplex_val if name == "complex64" else tensor.dcomplex_val
        field[:] = [part for value in values for part in (value.real, value.imag)]
    else:
        fields = {"float32": "float", "float64": "double", "object": "string"}
        kind = fields.get(name, name if name in ("int64", "uint32", "uint64", "bool") else "int")
        getattr(tensor, f"{kind}_val")[:] = values.tolist()


def test_few_typed_values_repeat_the_last_and_none_are_zeros():
    tensor = make_tensor_proto(np.zeros((2, 2), np.float32))
    tensor.ClearField("tensor_content")
    tensor.ClearField("float_val")
    tensor.float_val.extend([1.0, 5.0])
    np.testing.assert_array_equal(decode_predict(reply_with(tensor)).outputs["y"], [[1, 5], [5, 5]])
    tensor.ClearField("float_val")
    np.testing.assert_array_equal(decode_predict(reply_with(tensor)).outputs["y"], np.zeros((2, 2)))


def test_a_reply_names_who_answered():
    prediction = decode_predict(reply_with(make_tensor_proto(np.ones(1, np.float32))))
    assert (prediction.model, prediction.version, prediction.signature) == ("m", 3, "serving_default")


def test_content_that_contradicts_the_shape_is_refused():
    tensor = make_tensor_proto(np.ones(4, np.float32))
    tensor.tensor_content = tensor.tensor_content[:-4] or b"\0" * 12
    with pytest.raises(ValueError, match="reshape"):
        decode_predict(reply_with(tensor))


def test_noise_is_no_reply():
    with pytest.raises(DecodeError):
        decode_predict(b"\xff\xff\xff")
