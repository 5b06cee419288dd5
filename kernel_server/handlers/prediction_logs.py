"""Answered requests as ``PredictionLog`` messages, whatever protocol brought them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from tensorflow_serving.apis import classification_pb2, input_pb2, model_pb2, regression_pb2
from tensorflow_serving.apis.prediction_log_pb2 import PredictionLog

from kernel_server.core.servable import Array, ServableId
from kernel_server.core.signature import CLASSIFY
from kernel_server.handlers.classify import Classifications
from kernel_server.handlers.examples import Examples
from kernel_server.handlers.inference import InferenceTask, Result
from kernel_server.handlers.regress import Regressions
from kernel_server.tensor_protos import encode_tensor


@dataclass(frozen=True, slots=True)
class AnsweredPredict:
    """A Predict and its outputs."""

    servable: ServableId
    signature: str
    inputs: Mapping[str, Array]
    output_filter: Sequence[str]
    outputs: Mapping[str, Array]

    @property
    def model(self) -> str:
        """The name of the model."""
        return self.servable.name

    @property
    def size(self) -> int:
        """Bytes of the arrays."""
        return sum(map(_size, (*self.inputs.values(), *self.outputs.values())))

    def part(self, place: int, count: int) -> AnsweredPredict:
        """One of ``count`` requests of equal shapes that this one stands for, to keep for a while.

        Its outputs are copies: as rows of a batch they would keep the memory of the whole.
        """
        inputs = self.inputs if count == 1 else _part(self.inputs, place, count)
        outputs = _part(self.outputs, place, count)
        return AnsweredPredict(self.servable, self.signature, inputs, self.output_filter, outputs)

    def message(self) -> PredictionLog:
        """The log."""
        log = PredictionLog()
        spec = _spec(self.servable, self.signature)
        log.log_metadata.model_spec.CopyFrom(spec)
        request, response = log.predict_log.request, log.predict_log.response
        request.model_spec.CopyFrom(spec)
        response.model_spec.CopyFrom(spec)
        request.output_filter.extend(self.output_filter)
        for tensors, arrays in ((request.inputs, self.inputs), (response.outputs, self.outputs)):
            for name, array in arrays.items():
                tensors[name].MergeFromString(encode_tensor(array))
        return log


@dataclass(frozen=True, slots=True)
class AnsweredInference:
    """A Classify or a Regress, or the tasks of a MultiInference, and the result of each task."""

    servable: ServableId
    question: InferenceTask | tuple[InferenceTask, ...]
    examples: Examples
    results: Sequence[Result]

    @property
    def model(self) -> str:
        """The name of the model."""
        return self.servable.name

    @property
    def size(self) -> int:
        """Bytes of the examples and of the results."""
        sent = sum(map(len, self.examples.serialized)) + len(self.examples.context)
        return sent + sum(_size(array) for result in self.results for array in _arrays(result))

    def message(self) -> PredictionLog:
        """The log."""
        log = PredictionLog()
        if not isinstance(self.question, InferenceTask):
            self._fill_multi_inference(log, self.question)
            return log
        spec = _spec(self.servable, self.question.signature)
        log.log_metadata.model_spec.CopyFrom(spec)
        found = log.classify_log if self.question.method_name == CLASSIFY else log.regress_log
        found.request.model_spec.CopyFrom(spec)
        found.response.model_spec.CopyFrom(spec)
        _fill_input(found.request.input, self.examples)
        _fill_result(found.response.result, self.results[0])
        return log

    def _fill_multi_inference(self, log: PredictionLog, tasks: Iterable[InferenceTask]) -> None:
        found = log.multi_inference_log
        log.log_metadata.model_spec.CopyFrom(_spec(self.servable, ""))
        _fill_input(found.request.input, self.examples)
        for task, result in zip(tasks, self.results, strict=True):
            spec = _spec(self.servable, task.signature)
            found.request.tasks.add(model_spec=spec, method_name=task.method_name)
            told = found.response.results.add(model_spec=spec)
            classified = isinstance(result, Classifications)
            _fill_result(told.classification_result if classified else told.regression_result, result)


def _spec(servable: ServableId, signature: str) -> model_pb2.ModelSpec:
    return model_pb2.ModelSpec(
        name=servable.name, version={"value": servable.version}, signature_name=signature
    )


def _fill_input(message: input_pb2.Input, examples: Examples) -> None:
    plain, contextual = message.example_list, message.example_list_with_context
    if examples.context:
        contextual.context.MergeFromString(examples.context)
    sent = contextual if examples.context else plain
    for serialized in examples.serialized:
        sent.examples.add().MergeFromString(serialized)


def _fill_result(
    message: classification_pb2.ClassificationResult | regression_pb2.RegressionResult, result: Result
) -> None:
    if isinstance(result, Regressions):
        for value in result.values.tolist():
            message.regressions.add(value=value)
        return
    for labels, scores in zip(result.labels.tolist(), result.scores.tolist(), strict=True):
        row = message.classifications.add()
        for label, score in zip(labels, scores, strict=True):
            row.classes.add(label=label.decode(errors="replace"), score=score)


def _arrays(result: Result) -> tuple[Array, ...]:
    return (result.values,) if isinstance(result, Regressions) else (result.labels, result.scores)


def _part(arrays: Mapping[str, Array], place: int, count: int) -> dict[str, Array]:
    if count == 1:  # which may have no rows
        return {name: array.copy() for name, array in arrays.items()}
    rows = {name: len(array) // count for name, array in arrays.items()}
    return {
        name: array[place * rows[name] : (place + 1) * rows[name]].copy() for name, array in arrays.items()
    }


def _size(array: Array) -> int:
    return array.nbytes if array.dtype != np.object_ else array.nbytes + sum(map(len, array.ravel().tolist()))
