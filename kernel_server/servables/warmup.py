"""Replays a version's recorded requests before it serves, so that no caller pays for first runs.

Source: ``assets.extra/tf_serving_warmup_requests``, a TFRecord file of ``PredictionLog`` messages.
"""

from __future__ import annotations

from pathlib import Path

import tensorflow as tf
from tensorflow_serving.apis import predict_pb2, prediction_log_pb2

from kernel_server.core.servable import Servable
from kernel_server.core.signature import DEFAULT_SIGNATURE
from kernel_server.errors import DataLoss, InvalidArgument, Unimplemented

WARMUP_FILE = Path("assets.extra") / "tf_serving_warmup_requests"
MOST_RECORDS = 1000

_PREDICT = "predict_log"


class TooManyWarmupRecords(InvalidArgument):
    """The file would delay the version for too long."""

    def __init__(self, path: Path) -> None:
        super().__init__(f"Number of warmup records exceeds the maximum ({MOST_RECORDS}) at {path}")


def warm_up(servable: Servable, directory: Path, iterations: int = 1) -> int:
    """Run every recorded Predict request ``iterations`` times; return how many records there were.

    A record that fails makes the version fail to load: raises what the model raises, ``DataLoss`` or
    ``InvalidArgument`` for a broken file, ``Unimplemented`` for a kind of request that is not run here.
    """
    path = directory / WARMUP_FILE
    if not path.is_file():
        return 0
    count = 0
    try:
        for count, record in enumerate(tf.compat.v1.io.tf_record_iterator(str(path)), 1):
            if count > MOST_RECORDS:
                raise TooManyWarmupRecords(path)
            _replay(servable, _parse(record, path), iterations)
    except tf.errors.DataLossError as error:
        raise DataLoss(
            f"{error.message}. Please verify your warmup data is in TFRecord format: {path}"
        ) from error
    return count


def _parse(record: bytes, path: Path) -> prediction_log_pb2.PredictionLog:
    try:
        return prediction_log_pb2.PredictionLog.FromString(record)
    except Exception as error:  # protobuf's DecodeError has no public home
        raise InvalidArgument(f"Failed to parse warmup record: {record[:64]!r} from {path}") from error


def _replay(servable: Servable, log: prediction_log_pb2.PredictionLog, iterations: int) -> None:
    kind = log.WhichOneof("log_type")
    if kind is None:
        return
    if kind != _PREDICT:
        number = log.DESCRIPTOR.fields_by_name[kind].number
        raise Unimplemented(f"Unsupported log_type for warmup: {number} ({kind}); record Predict requests")
    _predict(servable, log.predict_log.request, iterations)


def _predict(servable: Servable, request: predict_pb2.PredictRequest, iterations: int) -> None:
    name = request.model_spec.signature_name or DEFAULT_SIGNATURE
    signature = servable.signatures.get(name)
    if signature is None or set(signature.inputs) != set(request.inputs):
        raise InvalidArgument(
            f"A warmup record asks for signature {name} with inputs {sorted(request.inputs)}, "
            "which the model does not have"
        )
    inputs = [tf.make_ndarray(request.inputs[key]) for key in signature.inputs]
    run = servable.runner(name, list(request.output_filter) or list(signature.outputs))
    for _ in range(iterations):
        run(inputs)
