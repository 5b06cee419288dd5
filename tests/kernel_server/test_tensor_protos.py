"""``TensorProto`` to numpy and back, held against TensorFlow's own conversions."""

from __future__ import annotations

from typing import Any

import ml_dtypes
import numpy as np
import pytest
import tensorflow as tf
from tensorflow.core.framework import tensor_pb2

from kernel_server.core.dtypes import DataType
from kernel_server.tensor_protos import (
    LARGEST_FILLED_BYTES,
    MalformedTensor,
    decode_tensor,
    encode_tensor,
)
from kernel_server.wire_format import delimited, varint

SHAPES = [(), (1,), (3,), (2, 3), (0,), (2, 0, 3), (1, 1, 1, 2), (3, 99)]
KINDS = [kind for kind in DataType if kind is not DataType.INVALID]
WHOLE_NUMBERS = [kind for kind in KINDS if kind.numpy.kind in "iub"]


def sample(kind: DataType, shape: tuple[int, ...]) -> np.ndarray[Any, Any]:
    """Different values of the type, its extremes among them."""
    size = int(np.prod(shape))
    if kind is DataType.STRING:
        words = np.empty(size, object)
        words[:] = [b"\xff\x00" * n + "ü".encode() for n in range(size)]
        return words.reshape(shape)
    dtype = kind.numpy
    if dtype.kind in "iu":
        limits = np.iinfo(dtype)
        values = [limits.min, limits.max, 1, 0, 42, limits.max - 1]
    elif dtype.kind == "b":
        values = [True, False, True, True, False, False]
    elif dtype.kind == "c":
        values = [1 + 2j, -0.5j, 3, np.inf, -1, 0]
    else:
        values = [1.5, -0.25, np.inf, -np.inf, 0.0, 3.0]
    return np.resize(np.array(values, dtype), size).reshape(shape)


def typed(dtype: int, shape: tuple[int, ...] = (), **fields: Any) -> tensor_pb2.TensorProto:
    proto = tensor_pb2.TensorProto(dtype=dtype, **fields)
    for size in shape:
        proto.tensor_shape.dim.add(size=size)
    return proto


@pytest.mark.parametrize("shape", SHAPES, ids=str)
@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
class TestAgainstTensorFlow:
    def test_decodes_what_tensorflow_encodes(self, kind: DataType, shape: tuple[int, ...]) -> None:
        array = sample(kind, shape)
        decoded = decode_tensor("x", tf.make_tensor_proto(array, kind.value, shape))
        assert (decoded.dtype, decoded.shape) == (kind.numpy, shape)
        np.testing.assert_array_equal(decoded, array)

    @pytest.mark.parametrize("as_content", [False, True], ids=["typed", "content"])
    def test_tensorflow_decodes_what_is_encoded(
        self, kind: DataType, shape: tuple[int, ...], as_content: bool
    ) -> None:
        array = sample(kind, shape)
        proto = tensor_pb2.TensorProto.FromString(encode_tensor(array, as_content))
        assert bool(proto.tensor_content) == (as_content and kind is not DataType.STRING and array.size > 0)
        assert [dim.size for dim in proto.tensor_shape.dim] == list(shape)
        decoded = tf.make_ndarray(proto)
        assert decoded.dtype == kind.numpy
        np.testing.assert_array_equal(decoded, array)

    def test_decodes_what_is_encoded(self, kind: DataType, shape: tuple[int, ...]) -> None:
        array = sample(kind, shape)
        proto = tensor_pb2.TensorProto.FromString(encode_tensor(array))
        np.testing.assert_array_equal(decode_tensor("x", proto), array)


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
def test_values_that_are_missing_repeat_the_last_or_are_zero(kind: DataType) -> None:
    one = tensor_pb2.TensorProto.FromString(encode_tensor(sample(kind, (1,))))
    one.tensor_shape.dim[0].size = 3
    np.testing.assert_array_equal(decode_tensor("x", one), np.repeat(sample(kind, (1,)), 3))
    none = decode_tensor("x", typed(kind.value, (2, 2)))
    expected = np.full((2, 2), b"") if kind is DataType.STRING else np.zeros((2, 2))
    np.testing.assert_array_equal(none, expected.astype(kind.numpy))


@pytest.mark.parametrize("most", [127, 128])
@pytest.mark.parametrize(
    "kind", [kind for kind in KINDS if kind.numpy.kind in "iub"], ids=lambda kind: kind.name
)
def test_many_small_values(kind: DataType, most: int) -> None:
    array = np.resize(np.arange(most + 1), (2, 200)).astype(kind.numpy)
    decoded = tf.make_ndarray(tensor_pb2.TensorProto.FromString(encode_tensor(array)))
    np.testing.assert_array_equal(decoded, array)


def test_strings_are_answered_as_bytes_whatever_they_were() -> None:
    for words in (np.array(["ü", "b"], object), np.array(["ü", "b"]), np.array([b"\xc3\xbc", b"b"])):
        proto = tensor_pb2.TensorProto.FromString(encode_tensor(words))
        assert list(proto.string_val) == ["ü".encode(), b"b"]


def test_an_array_that_is_not_contiguous_keeps_its_order() -> None:
    array = np.arange(6, dtype=np.float32).reshape(2, 3).T
    for as_content in (False, True):
        proto = tensor_pb2.TensorProto.FromString(encode_tensor(array, as_content))
        np.testing.assert_array_equal(tf.make_ndarray(proto), array)


def test_decoded_content_shares_the_memory_of_the_message() -> None:
    proto = tf.make_tensor_proto(np.arange(1000, dtype=np.float32))
    assert not decode_tensor("x", proto).flags.owndata


class TestMalformed:
    @pytest.mark.parametrize(
        ("proto", "reason"),
        [
            (
                typed(1, (2,), tensor_content=b"\0" * 7),
                "tensor_content holds 7 bytes, but shape [2] of",
            ),
            (typed(1, (3,), tensor_content=b"\0" * 8), "needs 12"),
            (typed(1, (2,), float_val=[1, 2, 3]), "3 values for shape [2], which holds 2"),
            (typed(7, (), string_val=[b"a", b"b"]), "2 values for shape [], which holds 1"),
            (typed(1, (-1,), float_val=[1]), "its shape [-1] has a negative dimension"),
            (typed(1, (2**40, 2**40), float_val=[1]), "send all values of a tensor larger than 64 MiB"),
            (typed(1, (2**62,), tensor_content=b"\0" * 4), f"needs {2**64}"),
            (typed(7, (LARGEST_FILLED_BYTES,)), "0 values would have to fill shape"),
            (typed(1, (2**62, 2**62, 0)), "shape"),
            (typed(1, (1,) * 65, float_val=[1]), "65"),
            (typed(0, (1,)), "element type 0 is not supported"),
            (typed(20, (1,)), "element type 20 is not supported"),
            (typed(101, (1,), float_val=[1]), "element type 101 is not supported"),
            (typed(6, (1,), int_val=[128]), "out of bounds for int8"),
            (typed(6, (300,), int_val=[*[1] * 299, 128]), "128 out of bounds for int8"),
            (typed(4, (1,), int_val=[-1]), "out of bounds for uint8"),
            (typed(17, (1,), int_val=[70000]), "out of bounds for uint16"),
            (typed(19, (1,), half_val=[70000]), "out of bounds for uint16"),
            (typed(8, (1,), scomplex_val=[1.0]), "size"),
            (typed(18, (2,), dcomplex_val=[1.0, 2.0, 3.0]), "size"),
        ],
        ids=lambda value: value if isinstance(value, str) else "",
    )
    def test_is_refused_with_the_reason(self, proto: tensor_pb2.TensorProto, reason: str) -> None:
        with pytest.raises(MalformedTensor) as caught:
            decode_tensor("image", proto)
        assert caught.value.message.startswith("tensor parsing error: image: ")
        assert reason in caught.value.message

    def test_an_unknown_rank(self) -> None:
        proto = typed(1)
        proto.tensor_shape.unknown_rank = True
        with pytest.raises(MalformedTensor, match="no rank"):
            decode_tensor("x", proto)


@pytest.mark.parametrize("number", [0, 1, 127, 128, 300, 2**31, 2**63 - 1])
def test_varint(number: int) -> None:
    dim = tf.TensorShape.experimental_type_proto().Dim(size=number)
    assert b"\x08" * bool(number) + varint(number) * bool(number) == dim.SerializeToString()


def test_delimited() -> None:
    proto = tensor_pb2.TensorProto(tensor_content=b"x" * 200)
    assert delimited(4, b"x" * 200) == proto.SerializeToString()


def test_bfloat16_is_not_half() -> None:
    array = np.array([1.0, 256.5], ml_dtypes.bfloat16)
    proto = tensor_pb2.TensorProto.FromString(encode_tensor(array))
    assert (proto.dtype, list(proto.half_val)) == (14, [0x3F80, 0x4380])
