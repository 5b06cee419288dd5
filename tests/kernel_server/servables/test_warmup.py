"""Recorded requests that run while a version is loaded, without a server around."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
import tensorflow as tf
from support.examples import (
    CLASSIFY,
    REGRESS,
    classification_request,
    model_spec,
    multi_inference_request,
    regression_request,
)
from support.signatures import edited_signatures
from support.stubs import predict_request
from tensorflow_serving.apis import prediction_log_pb2

from kernel_server.core.servable import ServableId
from kernel_server.errors import DataLoss, InvalidArgument, ServingError, Unimplemented
from kernel_server.servables.saved_model import platform
from kernel_server.servables.warmup import MOST_RECORDS, WARMUP_FILE, warm_up, with_warm_up
from kernel_server.settings import Settings

Record = Callable[..., Path]
Log = prediction_log_pb2.PredictionLog

X = [{"x": 2.0}]
TASKS = [(model_spec("any", "classify"), CLASSIFY), (model_spec("any", "column"), REGRESS)]


@pytest.fixture
def record(models: dict[str, Path], tmp_path: Path) -> Record:
    """Makes a version folder of a model, with these requests recorded."""

    def make(*logs: Log | bytes, model: str = "examples") -> Path:
        folder = Path(shutil.copytree(models[model] / "1", tmp_path / "1"))
        (folder / WARMUP_FILE).parent.mkdir(exist_ok=True)
        with tf.io.TFRecordWriter(str(folder / WARMUP_FILE)) as writer:
            for log in logs:
                writer.write(log if isinstance(log, bytes) else log.SerializeToString())
        return folder

    return make


def load(folder: Path) -> int:
    """Load the version, which replays its records; their number."""
    settings = Settings(device="cpu")
    servable = with_warm_up(platform(settings), settings)(ServableId("m", 1), folder).load()
    try:
        return warm_up(servable, folder)
    finally:
        servable.close()


def refusal(folder: Path) -> ServingError:
    """Why the version does not load."""
    with pytest.raises(ServingError) as caught:
        load(folder)
    return caught.value


@pytest.mark.parametrize(
    ("kind", "request_"),
    [
        ("classify_log", classification_request("any", X, "classify")),
        ("regress_log", regression_request("any", X)),
        ("regress_log", regression_request("any", [{}, {"shift": 1.0}], context={"x": 2.0})),
        ("multi_inference_log", multi_inference_request(TASKS, X)),
    ],
)
def test_requests_about_examples(record: Record, kind: str, request_: object) -> None:
    assert load(record(Log(**{kind: {"request": request_}}))) == 1


def test_predict(record: Record) -> None:
    log = Log(predict_log={"request": predict_request("any", [1.0, 2.0])})
    assert load(record(log, Log(), model="half")) == 2


def test_a_predict_that_leaves_out_what_has_a_default(record: Record) -> None:
    folder = record(Log(predict_log={"request": predict_request("any", {"a": [[1.0, 2.0]]})}), model="pair")
    with edited_signatures(folder) as signatures:
        signatures["serving_default"].defaults["b"].CopyFrom(tf.make_tensor_proto([7], tf.int64))
    assert load(folder) == 1


@pytest.mark.parametrize(
    ("request_", "message"),
    [
        (predict_request("any", [1.0], signature="train"), 'Serving signature key "train" not found.'),
        (predict_request("any", {"y": [1.0]}), "Signature input alias: x(feed name: "),
        (predict_request("any", [1.0], output_filter=["w"]), "output tensor alias not found in signature: w"),
        (predict_request("any", {"x": [1]}), "Expects arg[0] to be float but int32 is provided"),
    ],
)
def test_a_predict_that_would_be_refused(record: Record, request_: object, message: str) -> None:
    error = refusal(record(Log(predict_log={"request": request_}), model="half"))
    assert error.message.startswith(message)


@pytest.mark.parametrize(
    ("kind", "request_", "message"),
    [
        ("classify_log", classification_request("any", X, "train"), "No signature was found with the name: "),
        ("classify_log", classification_request("any", X), "Expected classification signature outputs to"),
        (
            "regress_log",
            regression_request("any", X, "integers"),
            "Expected output Tensor of DT_FLOAT.  Got:",
        ),
        ("regress_log", regression_request("any", []), "Input is empty."),
        ("multi_inference_log", multi_inference_request(TASKS * 2, X), "Duplicate evaluation of signature: "),
    ],
)
def test_a_request_that_fails_keeps_the_version_from_loading(
    record: Record, kind: str, request_: object, message: str
) -> None:
    error = refusal(record(Log(**{kind: {"request": request_}})))
    assert isinstance(error, InvalidArgument)
    assert error.message.startswith(message)


def test_an_example_that_the_model_refuses(record: Record) -> None:
    log = Log(regress_log={"request": regression_request("any", [{"shift": 1.0}])})
    assert "Feature: x (data type: float) is required" in refusal(record(log)).message


@pytest.mark.parametrize(("kind", "number"), [("session_run_log", 5), ("predict_streamed_log", 7)])
def test_kinds_that_are_not_run(record: Record, kind: str, number: int) -> None:
    error = refusal(record(Log(**{kind: {}})))
    assert isinstance(error, Unimplemented)
    assert error.message.startswith(f"Unsupported log_type for warmup: {number}")


def test_too_many(record: Record) -> None:
    folder = record(*[Log()] * (MOST_RECORDS + 1))
    assert refusal(folder).message == (
        f"Number of warmup records exceeds the maximum (1000) at {folder / WARMUP_FILE}"
    )


def test_as_many_as_are_allowed(record: Record) -> None:
    assert load(record(*[Log()] * MOST_RECORDS)) == MOST_RECORDS


def test_a_record_of_something_else(record: Record) -> None:
    folder = record(b"\xff\xff\xff")
    assert refusal(folder).message.startswith("Failed to parse warmup record: ")


def test_a_file_of_something_else(record: Record) -> None:
    folder = record()
    (folder / WARMUP_FILE).write_text("not a TFRecord at all")
    error = refusal(folder)
    assert isinstance(error, DataLoss)
    assert "Please verify your warmup data is in TFRecord format." in error.message


def test_switched_off(record: Record) -> None:
    settings = Settings(device="cpu", enable_model_warmup=False)
    unreadable = record(b"\xff\xff\xff")
    with_warm_up(platform(settings), settings)(ServableId("m", 1), unreadable).load().close()


def test_no_file(models: dict[str, Path]) -> None:
    assert load(models["half"] / "1") == 0
