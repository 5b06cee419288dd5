"""Leaving values out of a log, so that it still has the form of a request.

Values become zeros or empty strings: types, shapes and numbers of values stay, so that a redacted log can be
sent again, to warm up a version, by whatever model takes zeros.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from tensorflow_serving.apis import classification_pb2, input_pb2, regression_pb2
from tensorflow_serving.apis.prediction_log_pb2 import PredictionLog

_SHAPED = ("dtype", "tensor_shape")


def redact(log: PredictionLog, inputs: Collection[str], outputs: Collection[str]) -> None:
    """Take the values of these inputs (features, where the input is examples) and outputs out of ``log``."""
    match log.WhichOneof("log_type"):
        case "predict_log":
            _redact_tensors(log.predict_log.request.inputs, inputs)
            _redact_tensors(log.predict_log.response.outputs, outputs)
        case "classify_log":
            _redact_examples(log.classify_log.request.input, inputs)
            _redact_classes(log.classify_log.response.result, outputs)
        case "regress_log":
            _redact_examples(log.regress_log.request.input, inputs)
            _redact_values(log.regress_log.response.result, outputs)
        case "multi_inference_log":
            _redact_examples(log.multi_inference_log.request.input, inputs)
            for result in log.multi_inference_log.response.results:
                _redact_classes(result.classification_result, outputs)
                _redact_values(result.regression_result, outputs)


def _redact_tensors(tensors: Mapping[str, Any], names: Collection[str]) -> None:
    for name in tensors.keys() & set(names):
        for field, _ in tensors[name].ListFields():
            if field.name not in _SHAPED:  # without values a tensor is all zeros
                tensors[name].ClearField(field.name)


def _redact_examples(sent: input_pb2.Input, names: Collection[str]) -> None:
    plain, contextual = sent.example_list, sent.example_list_with_context
    present = [contextual.context] if contextual.HasField("context") else []
    for example in (*plain.examples, *contextual.examples, *present):
        for name in example.features.feature.keys() & set(names):
            _zero(example.features.feature[name])


def _zero(feature: Any) -> None:
    kind = feature.WhichOneof("kind")
    if kind is not None:
        values = getattr(feature, kind).value
        values[:] = [b"" if kind == "bytes_list" else 0] * len(values)


def _redact_classes(result: classification_pb2.ClassificationResult, names: Collection[str]) -> None:
    for found in (each for row in result.classifications for each in row.classes):
        if "classes" in names:
            found.ClearField("label")
        if "scores" in names:
            found.ClearField("score")


def _redact_values(result: regression_pb2.RegressionResult, names: Collection[str]) -> None:
    if "outputs" in names:
        for regression in result.regressions:
            regression.ClearField("value")
