"""Predict over gRPC, as the stock stubs of ``tensorflow-serving-api`` see it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import grpc
import numpy as np
import pytest
import tensorflow as tf
from support.saved_models import DTYPES
from support.servers import until
from support.stubs import TIMEOUT, Client, predict_request, refused
from tensorflow.core.framework import tensor_pb2

INVALID, NOT_FOUND = grpc.StatusCode.INVALID_ARGUMENT, grpc.StatusCode.NOT_FOUND
PAIR = {"a": np.ones((2, 2), np.float32), "b": np.array([1, 2])}
STRINGS = [b"", "grüße".encode(), b"\xff\x00"]


class TestAnswers:
    def test_latest_version(self, client: Client) -> None:
        assert client.predict("half", [1, 2, 5])["y"].tolist() == [3.5, 4.0, 5.5]

    @pytest.mark.parametrize(("version", "answer"), [(1, 2.5), (2, 3.5)])
    def test_a_version(self, client: Client, version: int, answer: float) -> None:
        assert client.predict("half", [1], version=version)["y"].tolist() == [answer]

    def test_keras(self, client: Client) -> None:
        (name,) = client.signature_defs("keras")[1]["serving_default"].inputs
        (answer,) = client.predict("keras", {name: np.array([[1, 2], [3, 4]], np.float32)}).values()
        assert answer.tolist() == [[4.0], [8.0]]

    def test_variables_of_tf1(self, client: Client) -> None:
        assert client.predict("tf1", [[1], [2]])["y"].tolist() == [[4.0], [7.0]]

    def test_strings(self, client: Client) -> None:
        answer = client.predict("words", {"text": np.array(["serving", "grüße"])})
        assert answer["upper"].tolist() == [b"SERVING", "GRüßE".encode()]
        assert answer["length"].tolist() == [7, 7]

    def test_several_inputs_and_outputs(self, client: Client) -> None:
        answer = client.predict("pair", PAIR)
        assert {name: array.tolist() for name, array in answer.items()} == {"sum": [3, 4], "twice": [2, 4]}

    def test_a_fixed_first_dimension_runs_alone(self, client: Client) -> None:
        assert client.predict("fixed", np.full((4, 2), 3))["y"].tolist() == [[6.0, 6.0]] * 4

    def test_a_shape_that_only_the_signature_refuses(self, client: Client) -> None:
        """As in TensorFlow Serving, it is the graph that decides."""
        assert client.predict("half", [[1.0], [2.0]])["y"].tolist() == [[3.5], [4.0]]

    @pytest.mark.parametrize("name", DTYPES)
    def test_every_element_type(self, client: Client, name: str) -> None:
        dtype = tf.as_dtype(name)
        sent = np.array(STRINGS if name == "string" else [0, 1, 2], dtype.as_numpy_dtype)
        reply = client.send(predict_request("echo", {"x": sent}, signature=name))
        assert reply.outputs["y"].dtype == dtype.as_datatype_enum
        np.testing.assert_array_equal(tf.make_ndarray(reply.outputs["y"]), sent)

    def test_no_rows(self, client: Client) -> None:
        assert client.predict("half", [])["y"].tolist() == []

    def test_what_is_sent_as_one_value_is_repeated(self, client: Client) -> None:
        proto = tensor_pb2.TensorProto(dtype=1, float_val=[2], tensor_shape={"dim": [{"size": 3}]})
        assert client.predict("half", {"x": proto})["y"].tolist() == [4.0, 4.0, 4.0]


class TestReplies:
    def test_spec_names_what_answered(self, client: Client) -> None:
        spec = client.send(predict_request("half", [1], version=1)).model_spec
        assert (spec.name, spec.version.value, spec.signature_name) == ("half", 1, "serving_default")
        assert spec.WhichOneof("version_choice") == "version"

    def test_outputs_are_typed_fields(self, client: Client) -> None:
        y = client.send(predict_request("half", [1, 2])).outputs["y"]
        assert (list(y.float_val), y.tensor_content) == ([3.5, 4.0], b"")

    @pytest.mark.parametrize("names", [["z"], ["z", "y"]])
    def test_output_filter(self, client: Client, names: list[str]) -> None:
        answer = client.predict("half", [4], output_filter=names)
        assert {name: array.tolist() for name, array in answer.items()} == {
            name: {"y": [5.0], "z": [-4.0]}[name] for name in names
        }


class TestRefusals:
    @pytest.mark.parametrize(
        ("model", "options", "code", "message"),
        [
            ("", {}, INVALID, "ModelSpec has no name specified."),
            ("none", {}, NOT_FOUND, "Servable not found for request: Latest(none)"),
            ("half", {"version": 9}, NOT_FOUND, "Servable not found for request: Specific(half, 9)"),
            ("none", {"version": 9}, NOT_FOUND, "Servable not found for request: Specific(none, 9)"),
            ("half", {"label": "best"}, INVALID, "Unrecognized servable version label: best"),
            (
                "half",
                {"signature": "train"},
                grpc.StatusCode.FAILED_PRECONDITION,
                'Serving signature key "train" not found.',
            ),
            (
                "half",
                {"output_filter": ["w"]},
                INVALID,
                "output tensor alias not found in signature: w Outputs expected to be in the set {y,z}.",
            ),
            ("half", {"output_filter": ["y", "y"]}, INVALID, "duplicate output tensor alias: y"),
        ],
    )
    def test_what_is_not_there(
        self, client: Client, model: str, options: dict[str, Any], code: grpc.StatusCode, message: str
    ) -> None:
        with refused(code, message):
            client.predict(model, [1], **options)

    @pytest.mark.parametrize(
        ("inputs", "message"),
        [
            (
                {},
                "input size does not match signature: 0!=2 len({}) != len({a,b}). Sent extra: {}. "
                "Missing but required: {a,b}.",
            ),
            (
                PAIR | {"c": PAIR["a"]},
                "input size does not match signature: 3!=2 len({a,b,c}) != len({a,b}). Sent extra: {c}. "
                "Missing but required: {}.",
            ),
            (
                {"a": PAIR["a"], "c": PAIR["b"]},
                "Signature input alias: b(feed name: serving_default_b:0) not found in request and no "
                "default value provided. Inputs expected to be in the request {a,c}, or default input "
                "alias set: ",
            ),
            (PAIR | {"a": np.ones((2, 2))}, "Expects arg[0] to be float but double is provided"),
            (PAIR | {"b": PAIR["a"]}, "Expects arg[1] to be int64 but float is provided"),
            (
                PAIR | {"b": np.array([1])},
                "Batching Run() input tensors must have equal 0th-dimension size",
            ),
            (PAIR | {"b": np.array(1)}, "Batching Run() input tensors must have at least one dimension"),
        ],
        ids=["none", "extra", "misnamed", "double", "float", "rows", "scalar"],
    )
    def test_inputs_that_contradict_the_signature(
        self, client: Client, inputs: dict[str, Any], message: str
    ) -> None:
        with refused(INVALID, message):
            client.predict("pair", inputs)

    def test_a_rank_that_the_graph_refuses_names_the_input(self, client: Client) -> None:
        with pytest.raises(grpc.RpcError) as caught:
            client.predict("pair", PAIR | {"a": np.ones(2, np.float32)})
        assert caught.value.code() is INVALID
        assert "input 'a' is declared float [-1, 2], the request sent [2]" in caught.value.details()

    @pytest.mark.parametrize(
        "proto",
        [
            tensor_pb2.TensorProto(dtype=1, tensor_content=b"\0" * 7, tensor_shape={"dim": [{"size": 2}]}),
            tensor_pb2.TensorProto(dtype=1, float_val=[1], tensor_shape={"dim": [{"size": 2**50}]}),
            tensor_pb2.TensorProto(dtype=1, float_val=[1], tensor_shape={"dim": [{"size": 1}] * 100}),
            tensor_pb2.TensorProto(dtype=20),
        ],
        ids=["bytes contradict shape", "huge", "too many dimensions", "no such type"],
    )
    def test_tensors_that_contradict_themselves(self, client: Client, proto: tensor_pb2.TensorProto) -> None:
        with refused(INVALID, "tensor parsing error: x"):
            client.predict("half", {"x": proto})

    def test_more_rows_than_a_batch_may_have(self, client: Client) -> None:
        with refused(INVALID, "Task size 9 is larger than maximum input batch size 8"):
            client.predict("half", np.ones(9))

    def test_a_request_without_a_model_spec(self, client: Client) -> None:
        request = predict_request("half", [1])
        request.ClearField("model_spec")
        with refused(INVALID, "Missing ModelSpec"):
            client.send(request)

    def test_bytes_that_are_no_message(self, client: Client) -> None:
        send = client.channel.unary_unary("/tensorflow.serving.PredictionService/Predict")
        with pytest.raises(grpc.RpcError, match="PredictRequest"):
            send(b"\xff\xff\xff", timeout=TIMEOUT)

    def test_a_method_that_does_not_exist(self, client: Client) -> None:
        send = client.channel.unary_unary("/tensorflow.serving.SessionService/SessionRun")
        with refused(grpc.StatusCode.UNIMPLEMENTED, ""):
            send(b"", timeout=TIMEOUT)

    def test_long_messages_are_cut(self, client: Client) -> None:
        with pytest.raises(grpc.RpcError) as caught:
            client.predict("x" * 2000, [1])
        assert len(caught.value.details()) == 1024
        assert caught.value.details().endswith("...TRUNCATED")


class TestBatches:
    def test_one_that_the_model_refuses_spoils_no_other(self, client: Client) -> None:
        values = [1, 2, -3, 4, 5, -6, 7, 8] * 4
        calls = [client.start(predict_request("picky", [value])) for value in values]
        for value, call in zip(values, calls, strict=True):
            if value > 0:
                assert call.result().outputs["y"].float_val == [value]
            else:
                with refused(INVALID, ""):
                    call.result()
                assert "x must not be negative" in call.details()

    def test_every_reply_has_the_rows_of_its_request(self, client: Client) -> None:
        sent = [np.arange(count) + 100.0 * count for count in (1, 2, 3, 8, 5) * 10]
        calls = [client.start(predict_request("half", x)) for x in sent]
        for x, call in zip(sent, calls, strict=True):
            assert list(call.result().outputs["y"].float_val) == (x / 2 + 3).tolist()


class Gate:
    """The model ``gate`` with both of its threads held inside the graph."""

    def __init__(self, client: Client) -> None:
        self._client = client
        client.replace_batching("gate", max_batch_size=1, num_batch_threads=2, max_enqueued_batches=4)
        self._inside = [self.send(n) for n in range(2)]
        self._released = False
        self.wait_for(2)

    def send(self, value: float, timeout: float = TIMEOUT) -> grpc.Future:
        """A request that waits until it is released."""
        return self._client.start(predict_request("gate", [value]), timeout)

    def wait_for(self, in_flight: int) -> None:
        """Return when so many requests are unanswered."""
        until(lambda: self._client.in_flight("gate") == in_flight, f"{in_flight} requests are in flight")

    def executed(self) -> int:
        """How many batches have run through the gate."""
        readings = self._client.statistics("gate").signatures
        return sum(reading.batches for reading in readings if reading.signature == "serving_default")

    def release(self) -> list[float]:
        """Let the two inside go; what they answer."""
        if not self._released:
            self._released = True
            self._client.replace_batching("gate", max_batch_size=2, num_batch_threads=3)
            self._client.predict("gate", [1, 1], signature="release")
        return [call.result().outputs["y"].float_val[0] for call in self._inside]


@pytest.fixture
def gate(client: Client) -> Iterator[Gate]:
    held = Gate(client)
    yield held
    assert held.release() == [0.0, 1.0]
    held.wait_for(0)


class TestQueue:
    def test_an_expired_request_never_runs(self, gate: Gate) -> None:
        before = gate.executed()
        with refused(grpc.StatusCode.DEADLINE_EXCEEDED, ""):
            gate.send(7, timeout=0.2).result()
        gate.wait_for(2)
        assert gate.release() == [0.0, 1.0]
        assert gate.executed() - before == 2

    def test_a_cancelled_request_never_runs(self, gate: Gate) -> None:
        call = gate.send(7)
        gate.wait_for(3)
        call.cancel()
        gate.wait_for(2)

    def test_a_full_one_refuses_at_once(self, gate: Gate, client: Client) -> None:
        waiting = [gate.send(n) for n in range(4)]
        gate.wait_for(6)
        message = (
            "The batch scheduling queue to which this task was submitted is full; "
            "currently 4 batches enqueued and max_enqueued_batches is 4"
        )
        with refused(grpc.StatusCode.UNAVAILABLE, message):
            client.predict("gate", [6])
        for call in waiting:
            call.cancel()
        gate.wait_for(2)
