"""The signatures of a TFLite model, and the functions of an interpreter that answer them.

They are, whichever a file has first: the ``signature_defs_metadata`` that TensorFlow Serving reads; those
that today's converter writes; or one ``serving_default`` made of the names of the model's inputs and
outputs. Inputs are resized to the shapes of a request.

Source: ``tensorflow_serving/servables/tensorflow/tflite_session.cc``.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from ai_edge_litert.interpreter import Interpreter
from ai_edge_litert.schema_py_generated import Model
from flatbuffers import flexbuffers
from tensorflow.core.protobuf import meta_graph_pb2

from kernel_server.core.dtypes import DataType
from kernel_server.core.servable import Array
from kernel_server.core.signature import DEFAULT_SIGNATURE, Signature, TensorSpec
from kernel_server.errors import Internal
from kernel_server.servables.functions import Function
from kernel_server.servables.saved_model import signature_from_proto

METADATA = b"signature_defs_metadata"


class UnknownTensor(Internal):
    """A signature names a tensor that is neither an input nor an output of the model."""

    def __init__(self, name: str, signature: str) -> None:
        super().__init__(f"Unknown tensor '{name}'. It is named by signature {signature}.")


@dataclass(frozen=True, slots=True)
class RunnerSignature:
    """A signature that the interpreter itself knows."""

    signature: Signature

    def function(self, interpreter: Interpreter) -> Function:
        """What answers it."""
        runner, names = interpreter.get_signature_runner(self.signature.name), tuple(self.signature.inputs)

        def call(*arrays: Array) -> Mapping[str, Array]:
            answer: Mapping[str, Array] = runner(**dict(zip(names, arrays, strict=True)))
            return answer

        return call


@dataclass(frozen=True, slots=True)
class TensorSignature:
    """A signature made of tensors of the model."""

    signature: Signature

    def function(self, interpreter: Interpreter) -> Function:
        """What answers it; raises :class:`UnknownTensor`."""
        inputs = self._indices(self.signature.inputs, interpreter.get_input_details())
        outputs = self._indices(self.signature.outputs, interpreter.get_output_details())

        def call(*arrays: Array) -> Mapping[str, Array]:
            for index, array in zip(inputs.values(), arrays, strict=True):
                interpreter.resize_tensor_input(index, array.shape)
            interpreter.allocate_tensors()
            for index, array in zip(inputs.values(), arrays, strict=True):
                interpreter.set_tensor(index, array)
            interpreter.invoke()
            return {name: interpreter.get_tensor(index) for name, index in outputs.items()}

        return call

    def _indices(self, specs: Mapping[str, TensorSpec], details: Iterable[Any]) -> dict[str, int]:
        # Converters drop the number of the output from some tensors' names.
        by_name = {_plain(detail["name"]): int(detail["index"]) for detail in details}
        for spec in specs.values():
            if _plain(spec.tensor_name) not in by_name:
                raise UnknownTensor(spec.tensor_name, self.signature.name)
        return {name: by_name[_plain(spec.tensor_name)] for name, spec in specs.items()}


def read_signatures(
    model: bytes, interpreter: Interpreter
) -> Mapping[str, RunnerSignature | TensorSignature]:
    """Every signature of a model, by name; the interpreter is not run."""
    if definitions := _definitions(model):
        return {
            name: TensorSignature(signature_from_proto(name, definition))
            for name, definition in definitions.items()
        }
    if names := interpreter.get_signature_list():
        return {name: RunnerSignature(_signature_of_runner(interpreter, name)) for name in names}
    inputs, outputs = interpreter.get_input_details(), interpreter.get_output_details()
    return {DEFAULT_SIGNATURE: TensorSignature(Signature(DEFAULT_SIGNATURE, _named(inputs), _named(outputs)))}


def _definitions(model: bytes) -> dict[str, meta_graph_pb2.SignatureDef]:
    root = Model.GetRootAs(model)
    for entry in map(root.Metadata, range(root.MetadataLength())):
        if entry.Name() == METADATA:
            content = flexbuffers.GetRoot(root.Buffers(entry.Buffer()).DataAsNumpy().tobytes()).AsMap
            return {
                key.AsKey: meta_graph_pb2.SignatureDef.FromString(value.AsStringBytes)
                for key, value in zip(content.Keys, content.Values, strict=True)
            }
    return {}


def _signature_of_runner(interpreter: Interpreter, name: str) -> Signature:
    runner = interpreter.get_signature_runner(name)
    inputs, outputs = runner.get_input_details(), runner.get_output_details()
    return Signature(
        name,
        {key: _spec(detail) for key, detail in inputs.items()},
        {key: _spec(detail) for key, detail in outputs.items()},
    )


def _named(details: Iterable[Any]) -> dict[str, TensorSpec]:
    return {_plain(detail["name"]): _spec(detail) for detail in details}


def _spec(detail: Mapping[str, Any]) -> TensorSpec:
    shape = tuple(int(size) for size in detail["shape_signature"])
    return TensorSpec(detail["name"], DataType.of(np.dtype(detail["dtype"])), shape)


def _plain(name: str) -> str:
    return name.removesuffix(":0")
