"""What Predict requests have in common, read off real ones."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import tensorflow as tf
from support.raw_client import prefixed
from support.stubs import predict_request, typed
from tensorflow.core.framework import types_pb2
from tensorflow_serving.apis import predict_pb2

from kernel_server.rpc.templates import Template, Templates, contents_of

ROW = np.arange(4, dtype=np.float32)
PAIR = {"a": np.ones((2, 2), np.float32), "b": np.array([1, 2])}


def framed(request: predict_pb2.PredictRequest) -> bytes:
    return prefixed(request.SerializeToString(deterministic=True))


def template(request: predict_pb2.PredictRequest) -> Template:
    message = framed(request)
    return Template(0, {}, message, contents_of(message))


@pytest.mark.parametrize("inputs", [ROW, PAIR], ids=["one input", "two inputs"])
def test_contents(inputs: object) -> None:
    message = framed(predict_request("half", inputs, version=3, output_filter=["y"]))
    spans = contents_of(message)
    arrays = inputs if isinstance(inputs, dict) else {"x": inputs}
    assert {name: message[begin:end] for begin, end, name in spans} == {
        name: array.tobytes() for name, array in arrays.items()
    }
    found = Template(0, {}, message, spans)
    other = found.message([bytes(span.size) for span in spans])
    zeros = {name: np.zeros_like(array) for name, array in arrays.items()}
    assert other == framed(predict_request("half", zeros, version=3, output_filter=["y"]))
    assert found.fits(other)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_contents_in_typed_fields(dtype: type[np.floating]) -> None:
    values = np.array([[1.5, -2.0], [0.0, 3.25]], dtype)
    message = framed(predict_request("half", {"x": typed(values)}))
    assert [message[begin:end] for begin, end, _ in contents_of(message)] == [values.tobytes()]


@pytest.mark.parametrize(
    ("other", "fits"),
    [
        (predict_request("half", ROW + 1), True),
        (predict_request("hulf", ROW), False),
        (predict_request("half", {"y": ROW}), False),
        (predict_request("half", {"x": ROW.astype(np.int32)}), False),
        (predict_request("half", ROW.reshape(4)[::-1]), True),
    ],
    ids=["values", "model", "input", "type", "order"],
)
def test_what_differs_in_more_than_values_does_not_fit(other: predict_pb2.PredictRequest, fits: bool) -> None:
    known, message = template(predict_request("half", ROW)), framed(other)
    assert len(message) == len(framed(predict_request("half", ROW)))
    assert known.fits(message) is fits


def _typed_as(dtype: int) -> bytes:
    request = predict_request("half", {"x": typed(ROW)})
    request.inputs["x"].dtype = dtype
    return framed(request)


def _with_a_number_for_content() -> bytes:
    """Protobuf skips a field of another wire type than its own."""
    request = predict_request("half", ROW[:1])
    request.inputs["x"].ClearField("float_val")
    request.inputs["x"].tensor_content = b"\x80\x80\x80\x01"
    message = framed(request)
    text, number = b"\x22\x04\x80\x80\x80\x01", b"\x20\x80\x80\x80\x80\x01"
    assert text in message
    return message.replace(text, number)


def _changed(change: Callable[[predict_pb2.PredictRequest], object]) -> bytes:
    request = predict_request("half", ROW)
    change(request)
    return framed(request)


@pytest.mark.parametrize(
    "message",
    [
        b"",
        prefixed(b""),
        prefixed(b"\xff" * 16_000),
        prefixed(b"\x10\x01" * 8_000),
        framed(predict_request("half", ROW))[:-1],
        framed(predict_request("half", {})),
        framed(predict_request("half", {"x": tf.make_tensor_proto([b"a", b"b"])})),
        framed(predict_request("half", {"x": tf.make_tensor_proto(1.0)})),
        framed(predict_request("half", {"x": np.zeros((0, 4), np.float32)})),
        _changed(lambda request: request.inputs["x"].float_val.append(1.0)),
        _changed(lambda request: setattr(request.inputs["x"], "version_number", 1)),
        _changed(lambda request: setattr(request.inputs["x"].tensor_shape, "unknown_rank", True)),
        _changed(lambda request: request.inputs["x"].ClearField("tensor_shape")),
        _changed(lambda request: request.inputs["x"].ClearField("dtype")),
        _typed_as(types_pb2.DT_INT32),
        _typed_as(types_pb2.DT_DOUBLE),
        _with_a_number_for_content(),
        _changed(lambda request: request.inputs["y"].CopyFrom(tf.make_tensor_proto(1.0))),
    ],
)
def test_messages_of_which_nothing_is_said(message: bytes) -> None:
    assert contents_of(message) == []


def test_the_oldest_template_gives_way() -> None:
    templates = Templates()

    def find(size: int) -> Template | None:
        message = framed(predict_request("half", np.zeros(size, np.float32)))
        return templates.find((len(message), None), {}, message)

    first = find(2)
    assert first is not None and find(2) is first
    others = [find(size) for size in range(3, 258)]
    assert len({template.number for template in others if template} | {first.number}) == 256
    assert find(2) is first
    newest = find(300)
    assert newest is not None and newest.number == first.number
    assert find(2) is not first
    assert find(257) is others[-1]


def test_one_that_is_fit_is_found_among_many_that_are_not() -> None:
    templates, fit = Templates(), framed(predict_request("half", ROW))
    key = len(fit), None
    unfit = prefixed(bytes(len(fit) - 5))
    assert [templates.find(key, {}, unfit) for _ in range(100)] == [None] * 100
    assert any(templates.find(key, {}, fit) for _ in range(100))
    found = templates.find(key, {}, fit)
    assert found is not None and found.fits(fit) and not found.fits(unfit)
