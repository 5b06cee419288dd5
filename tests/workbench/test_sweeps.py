"""Sweeps over a real server of ours, and over an endpoint that only speaks TensorFlow Serving."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import grpc
import numpy as np
import pytest

from workbench.errors import InvalidSetting, RequestFailed
from workbench.load import LoadFailed, Progress
from workbench.points import Point
from workbench.results import Curve
from workbench.server import Server
from workbench.sweeps import sweep
from workbench.wire import serving_pb2
from workbench.wire.codec import decode_tensor
from workbench.wire.proto_calls import GET_MODEL_METADATA, GET_MODEL_STATUS, PREDICT

QUICK: dict[str, Any] = {"duration": 0.6, "warmup": 0.1, "progress": False}


class ForeignServer(grpc.GenericRpcHandler):
    """``tensor`` doubled, by a server that has no control service."""

    def __init__(self, shape: tuple[int, ...] = (-1, 2), dtype: int = 1) -> None:
        self._shape, self._dtype = shape, dtype
        self._handlers = {
            PREDICT: (self._predict, serving_pb2.PredictRequest),
            GET_MODEL_METADATA: (self._metadata, serving_pb2.GetModelMetadataRequest),
            GET_MODEL_STATUS: (self._status, serving_pb2.GetModelStatusRequest),
        }
        self._server = grpc.server(ThreadPoolExecutor(8))
        self._server.add_generic_rpc_handlers((self,))
        self.target = f"127.0.0.1:{self._server.add_insecure_port('127.0.0.1:0')}"
        self.replies = 0
        self._server.start()

    def service(self, details: grpc.HandlerCallDetails) -> grpc.RpcMethodHandler | None:
        if details.method not in self._handlers:
            return None
        function, request = self._handlers[details.method]
        return grpc.unary_unary_rpc_method_handler(
            lambda message, context: function(message),
            request.FromString,
            lambda reply: reply.SerializeToString(),
        )

    def stop(self) -> None:
        self._server.stop(None).wait()

    def _predict(self, request: serving_pb2.PredictRequest) -> serving_pb2.PredictResponse:
        self.replies += 1
        reply = serving_pb2.PredictResponse()
        x = decode_tensor(request.inputs["tensor"])
        reply.outputs["doubled"].CopyFrom(request.inputs["tensor"])
        reply.outputs["doubled"].tensor_content = (2 * x).astype(np.float32).tobytes()
        return reply

    def _metadata(self, request: serving_pb2.GetModelMetadataRequest) -> serving_pb2.GetModelMetadataResponse:
        signatures = serving_pb2.SignatureDefMap()
        definition = signatures.signature_def["serving_default"]
        for infos, name in ((definition.inputs, "tensor"), (definition.outputs, "doubled")):
            infos[name].dtype = self._dtype
            for size in self._shape:
                infos[name].tensor_shape.dim.add(size=size)
        reply = serving_pb2.GetModelMetadataResponse()
        reply.model_spec.version.value = 5
        reply.metadata["signature_def"].Pack(signatures, "type.googleapis.com")
        reply.metadata["signature_def"].type_url = "type.googleapis.com/tensorflow.serving.SignatureDefMap"
        return reply

    def _status(self, request: serving_pb2.GetModelStatusRequest) -> serving_pb2.GetModelStatusResponse:
        reply = serving_pb2.GetModelStatusResponse()
        reply.model_version_status.add(version=5, state=30)
        return reply


@pytest.fixture
def foreign() -> Iterator[ForeignServer]:
    server = ForeignServer()
    yield server
    server.stop()


def test_a_curve_of_our_server_tells_its_share_and_checks_every_reply(affine_server: Server) -> None:
    seen: list[Point] = []
    glances: list[Progress] = []

    curve = sweep(
        affine_server,
        rates=[40, 80],
        slo_ms=500,
        check=True,
        on_point=seen.append,
        on_progress=glances.append,
        **QUICK,
    )

    assert curve.points == tuple(seen)
    assert [point.offered_rate for point in curve.points] == [40, 80]
    for point in curve.points:
        assert (point.succeeded, point.failed) == (point.due, 0)
        assert (point.checked, point.misrouted, point.versions) == (point.due, 0, {3: point.due})
        assert point.generation == affine_server.batching().generation
        assert point.server is not None
        assert point.server.batches > 0
        assert 0 < point.server.compute_ms < point.server.total_ms
    assert glances
    assert curve.provenance.batching["max_batch_size"] == affine_server.batching().parameters.max_batch_size
    assert (curve.provenance.model, curve.provenance.model_version, curve.provenance.device) == (
        "affine",
        3,
        "cpu",
    )
    assert curve.label == "batches up to 128, 2 ms"
    assert Curve.from_json(curve.to_json()) == curve


def test_right_answers_can_be_given_by_version(affine_server: Server) -> None:
    x = np.random.default_rng(0).random((10, 3), np.float32)

    right = sweep(affine_server, rates=[50], inputs=x, check={3: 3 * x + 30}, **QUICK)
    wrong = sweep(affine_server, rates=[50], inputs=x, check={3: 3 * x + 31}, **QUICK)

    assert (right.points[0].checked, right.points[0].misrouted) == (right.points[0].due, 0)
    assert wrong.points[0].misrouted == wrong.points[0].due
    assert wrong.points[0].verdict == "failing"


def test_requests_of_several_rows(affine_server: Server) -> None:
    point = sweep(affine_server, rates=[40], rows=5, check=True, **QUICK).points[0]

    assert point.server.mean_batch >= 5
    assert point.misrouted == 0


def test_batching_is_changed_for_the_sweep_and_put_back(affine_server: Server) -> None:
    before = affine_server.batching()

    small = sweep(affine_server, rates=[40], batching={"max_batch_size": 4}, **QUICK)
    none = sweep(affine_server, rates=[40], batching=False, **QUICK)

    assert small.provenance.batching["max_batch_size"] == 4
    assert small.label == "batches up to 4, 2 ms"
    assert none.provenance.batching is None
    assert none.label == "no batching"
    assert affine_server.batching().parameters == before.parameters
    assert affine_server.batching().enabled == before.enabled


def test_closed_loop_curves_are_labelled_as_such(affine_server: Server) -> None:
    curve = sweep(affine_server, concurrencies=[1, 4], **QUICK)

    assert curve.mode == "closed"
    assert [(point.concurrency, point.offered_rate) for point in curve.points] == [(1, None), (4, None)]


def test_without_rates_the_capacity_is_probed(foreign: ForeignServer) -> None:
    curve = sweep(foreign.target, "doubler", **{**QUICK, "duration": 0.2})

    rates = [point.offered_rate for point in curve.points]
    assert len(rates) == 8
    assert rates == sorted(rates)
    assert rates[-1] / rates[0] == pytest.approx(12, rel=0.1)


def test_any_tensorflow_serving_endpoint_will_do(foreign: ForeignServer) -> None:
    curve = sweep(foreign.target, "doubler", rates=[50], check=True, **QUICK)

    (point,) = curve.points
    assert (point.checked, point.misrouted, point.server, point.generation) == (point.due, 0, None, None)
    assert (curve.provenance.server, curve.provenance.batching, curve.provenance.model_version) == (
        None,
        None,
        5,
    )
    assert curve.label == "doubler"


def test_a_signature_without_a_batch_dimension_gets_whole_examples() -> None:
    server = ForeignServer(shape=(3,))
    try:
        curve = sweep(server.target, "doubler", rates=[50], check=True, **QUICK)
    finally:
        server.stop()

    assert (curve.points[0].checked, curve.points[0].misrouted) == (curve.points[0].due, 0)
    assert curve.provenance.rows_per_request == 0


@pytest.mark.parametrize(
    ("shape", "dtype", "reason"),
    [
        ((-1, 2), 7, r"input 'tensor' \(string \[\?, 2\]\) cannot be drawn at random; pass inputs="),
        ((-1, -1), 1, "has a free dimension besides the first"),
    ],
)
def test_inputs_that_cannot_be_guessed_must_be_given(shape: tuple[int, ...], dtype: int, reason: str) -> None:
    server = ForeignServer(shape, dtype)
    try:
        with pytest.raises(InvalidSetting, match=reason):
            sweep(server.target, "doubler", rates=[50], **QUICK)
    finally:
        server.stop()


def test_cancelling_keeps_the_finished_points(foreign: ForeignServer) -> None:
    cancel = threading.Event()

    curve = sweep(
        foreign.target,
        "doubler",
        rates=[50, 60, 70],
        on_point=lambda point: cancel.set(),
        cancel=cancel,
        **QUICK,
    )

    assert [point.offered_rate for point in curve.points] == [50]


def test_an_interrupt_keeps_the_finished_points(foreign: ForeignServer) -> None:
    glances: list[Progress] = []
    points: list[Point] = []

    def interrupt(progress: Progress) -> None:
        glances.append(progress)
        if points:
            raise KeyboardInterrupt

    curve = sweep(
        foreign.target, "doubler", rates=[50, 60], on_point=points.append, on_progress=interrupt, **QUICK
    )

    assert curve.points == tuple(points)
    assert len(points) == 1
    assert glances


def test_an_interrupt_before_the_first_point_goes_through(foreign: ForeignServer) -> None:
    def interrupt(progress: Progress) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        sweep(foreign.target, "doubler", rates=[50], on_progress=interrupt, **QUICK)


def test_progress_is_one_line_of_text(foreign: ForeignServer, capsys: pytest.CaptureFixture[str]) -> None:
    sweep(foreign.target, "doubler", rates=[50, 60], **{**QUICK, "progress": True})

    last = capsys.readouterr().out.strip().split("\r")[-1]
    assert last.startswith("point 2/2 |")
    assert "/s, p99 " in last


def test_what_cannot_be_measured_is_told_before_anything_starts(
    affine_server: Server, foreign: ForeignServer
) -> None:
    with pytest.raises(InvalidSetting, match="either rates or concurrencies"):
        sweep(foreign.target, "doubler", rates=[1], concurrencies=[1])
    with pytest.raises(InvalidSetting, match="name the model"):
        sweep(foreign.target)
    with pytest.raises(InvalidSetting, match="load goes through gRPC"):
        sweep("http://127.0.0.1:8501", "m")
    with pytest.raises(RequestFailed, match="NOT_FOUND"):
        sweep(affine_server, "nobody", rates=[1])
    with pytest.raises(InvalidSetting, match="the model has: serving_default"):
        sweep(foreign.target, "doubler", signature="other", rates=[1])


def test_a_probe_in_which_nothing_succeeds_ends_the_sweep_with_the_servers_words(
    affine_server: Server,
) -> None:
    with pytest.raises(LoadFailed, match=r"no probe request succeeded; .*INVALID_ARGUMENT"):
        sweep(affine_server, inputs=np.array([["a", "b", "c"]]), **QUICK)
