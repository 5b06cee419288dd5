"""Replays a version's recorded requests before it serves, so that no caller pays for first runs.

Source: ``assets.extra/tf_serving_warmup_requests``, a TFRecord file of ``PredictionLog`` messages.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path

import tensorflow as tf
from tensorflow_serving.apis import (
    classification_pb2,
    inference_pb2,
    input_pb2,
    model_pb2,
    predict_pb2,
    prediction_log_pb2,
    regression_pb2,
)

from kernel_server.core.loader import Loader, LoaderFactory
from kernel_server.core.servable import Array, Servable
from kernel_server.core.signature import CLASSIFY, DEFAULT_SIGNATURE, REGRESS
from kernel_server.errors import DataLoss, InvalidArgument, Unimplemented
from kernel_server.handlers.examples import Examples
from kernel_server.handlers.inference import Inference, InferenceTask, prepare_inference
from kernel_server.handlers.inputs import arrange, check_filter, check_types
from kernel_server.handlers.multi_inference import prepare_multi_inference
from kernel_server.handlers.signatures import predict_signature
from kernel_server.servables.tensorflow_errors import tensorflow_errors
from kernel_server.settings import Settings
from kernel_server.tensor_protos import Tensors

WARMUP_FILE = Path("assets.extra") / "tf_serving_warmup_requests"
MOST_RECORDS = 1000


class TooManyWarmupRecords(InvalidArgument):
    """The file would delay the version for too long."""

    def __init__(self, path: Path) -> None:
        super().__init__(f"Number of warmup records exceeds the maximum ({MOST_RECORDS}) at {path}")


class WarmLoader(Loader):
    """Loads what ``loader`` loads, and replays each record of the folder ``iterations`` times."""

    def __init__(self, folder: Path, loader: Loader, iterations: int) -> None:
        self._folder = folder
        self._loader = loader
        self._iterations = iterations

    def resource_estimate(self) -> int:
        """That of the servable."""
        return self._loader.resource_estimate()

    def load(self) -> Servable:
        """Load and warm up; raises what the loader and :func:`warm_up` raise."""
        servable = self._loader.load()
        try:
            with tensorflow_errors():
                warm_up(servable, self._folder, self._iterations)
        except BaseException:
            servable.close()
            raise
        return servable


def with_warm_up(make: LoaderFactory, settings: Settings) -> LoaderFactory:
    """A factory of loaders that warm up, if the settings want that."""
    if not settings.enable_model_warmup:
        return make
    iterations = max(1, settings.num_request_iterations_for_warmup)
    return lambda servable, folder: WarmLoader(folder, make(servable, folder), iterations)


def warm_up(servable: Servable, directory: Path, iterations: int = 1) -> int:
    """Run every recorded request ``iterations`` times; return how many records there were.

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
            f"{error.message}. Please verify your warmup data is in TFRecord format. It is {path}."
        ) from error
    return count


def _parse(record: bytes, path: Path) -> prediction_log_pb2.PredictionLog:
    try:
        return prediction_log_pb2.PredictionLog.FromString(record)
    except Exception as error:  # protobuf's DecodeError has no public home
        raise InvalidArgument(f"Failed to parse warmup record: {record[:64]!r} from {path}") from error


def _replay(servable: Servable, log: prediction_log_pb2.PredictionLog, iterations: int) -> None:
    match log.WhichOneof("log_type"):
        case None:
            return
        case "predict_log":
            run = _predict(servable, log.predict_log.request)
        case "classify_log":
            run = _infer(servable, log.classify_log.request, CLASSIFY)
        case "regress_log":
            run = _infer(servable, log.regress_log.request, REGRESS)
        case "multi_inference_log":
            run = _infer_several(servable, log.multi_inference_log.request)
        case kind:
            number = log.DESCRIPTOR.fields_by_name[kind].number
            raise Unimplemented(
                f"Unsupported log_type for warmup: {number} ({kind}); record requests to Predict, Classify, "
                "Regress or MultiInference"
            )
    for _ in range(iterations):
        run()


def _predict(servable: Servable, request: predict_pb2.PredictRequest) -> Callable[[], object]:
    name = request.model_spec.signature_name or DEFAULT_SIGNATURE
    signature = predict_signature(servable, name, check_method_name=False)
    inputs = arrange(signature, Tensors(request.inputs))
    check_filter(signature, request.output_filter)
    check_types(signature, inputs)
    return partial(servable.runner(name, list(request.output_filter) or list(signature.outputs)), inputs)


def _infer(
    servable: Servable,
    request: classification_pb2.ClassificationRequest | regression_pb2.RegressionRequest,
    method_name: str,
) -> Callable[[], object]:
    task = _task(request.model_spec, method_name)
    return partial(_run, prepare_inference(servable, task, False), _vector(request.input))


def _infer_several(servable: Servable, request: inference_pb2.MultiInferenceRequest) -> Callable[[], object]:
    tasks = [_task(task.model_spec, task.method_name) for task in request.tasks]
    return partial(_run, prepare_multi_inference(servable, tasks, False), _vector(request.input))


def _task(spec: model_pb2.ModelSpec, method_name: str) -> InferenceTask:
    return InferenceTask(spec.name, spec.signature_name or DEFAULT_SIGNATURE, method_name)


def _vector(sent: input_pb2.Input) -> Array:
    plain, contextual = sent.example_list, sent.example_list_with_context  # one of them is empty
    serialized = [example.SerializeToString() for example in (*plain.examples, *contextual.examples)]
    return Examples(serialized, contextual.context.SerializeToString()).vector()


def _run(inference: Inference, vector: Array) -> None:
    inference.read(inference.runner([vector]), len(vector))
