"""Requests about ``tensorflow.Example`` messages, built from the stock messages."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import tensorflow as tf
from tensorflow_serving.apis import (
    classification_pb2,
    inference_pb2,
    input_pb2,
    model_pb2,
    regression_pb2,
)

CLASSIFY, REGRESS = "tensorflow/serving/classify", "tensorflow/serving/regress"

Features = Mapping[str, float | int | bytes | Sequence[Any]]


def example(features: Features) -> Any:
    """An Example: floats, integers and bytes become features of their kind, alone or in a list."""
    message = tf.train.Example()
    for name, value in features.items():
        values = list(value) if isinstance(value, Sequence) and not isinstance(value, bytes) else [value]
        kind = {float: "float_list", int: "int64_list", bytes: "bytes_list"}[type(values[0])]
        getattr(message.features.feature[name], kind).value.extend(values)
    return message


def example_input(examples: Sequence[Features], context: Features | None = None) -> input_pb2.Input:
    """The examples, with the context if one is given."""
    messages = [example(features) for features in examples]
    if context is None:
        return input_pb2.Input(example_list={"examples": messages})
    return input_pb2.Input(example_list_with_context={"examples": messages, "context": example(context)})


def model_spec(model: str, signature: str = "", version: int | None = None) -> model_pb2.ModelSpec:
    """A spec; without ``version`` the latest is meant."""
    spec = model_pb2.ModelSpec(name=model, signature_name=signature)
    if version is not None:
        spec.version.value = version
    return spec


def classification_request(
    model: str, examples: Sequence[Features], signature: str = "", context: Features | None = None
) -> classification_pb2.ClassificationRequest:
    """A request to Classify."""
    return classification_pb2.ClassificationRequest(
        model_spec=model_spec(model, signature), input=example_input(examples, context)
    )


def regression_request(
    model: str, examples: Sequence[Features], signature: str = "", context: Features | None = None
) -> regression_pb2.RegressionRequest:
    """A request to Regress."""
    return regression_pb2.RegressionRequest(
        model_spec=model_spec(model, signature), input=example_input(examples, context)
    )


def multi_inference_request(
    tasks: Sequence[tuple[model_pb2.ModelSpec, str]], examples: Sequence[Features]
) -> inference_pb2.MultiInferenceRequest:
    """A request to MultiInference; a task is a spec and a method name."""
    request = inference_pb2.MultiInferenceRequest(input=example_input(examples))
    for spec, method_name in tasks:
        request.tasks.add(model_spec=spec, method_name=method_name)
    return request
