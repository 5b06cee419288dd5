"""TFLite models that begin by parsing serialized ``tensorflow.Example``: TensorFlow parses for them.

TensorFlow Serving has a custom operation for that, LiteRT's interpreter has none. So it is taken out of the
model, and what it would have answered becomes the input of the rest.

Source: ``tensorflow/lite/kernels/parse_example/parse_example.cc``.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
import tensorflow as tf
from ai_edge_litert.interpreter import Interpreter
from ai_edge_litert.schema_py_generated import Model, ModelT, TensorMapT, TensorType
from flatbuffers import Builder
from tensorflow.core.protobuf import config_pb2

from kernel_server.core.dtypes import DataType
from kernel_server.core.servable import Array
from kernel_server.core.signature import Signature, TensorSpec
from kernel_server.servables.functions import Function
from kernel_server.servables.tensorflow_errors import tensorflow_errors
from kernel_server.servables.tflite_signatures import RunnerSignature, TensorSignature

OPERATIONS = (b"ParseExampleV2", b"FlexParseExampleV2")
_FILE_IDENTIFIER = b"TFL3"
_DTYPES = {
    TensorType.FLOAT32: DataType.FLOAT,
    TensorType.INT64: DataType.INT64,
    TensorType.STRING: DataType.STRING,
}


@dataclass(frozen=True, slots=True)
class Parsing:
    """What one graph began with; ``outputs`` are the tensors that ``call`` fills."""

    call: Callable[[Array], Sequence[Array]]
    outputs: Sequence[TensorSpec]


@dataclass(frozen=True, slots=True)
class ParsedSignature:
    """A signature of examples: TensorFlow parses them, the interpreter of the ``rest`` answers."""

    signature: Signature
    parsing: Parsing
    rest: RunnerSignature | TensorSignature

    def function(self, interpreter: Interpreter) -> Function:
        """What answers it."""
        rest = self.rest.function(interpreter)

        def call(examples: Array) -> Mapping[str, Array]:
            with tensorflow_errors():
                parsed = self.parsing.call(examples)
            return rest(*parsed)

        return call


class ExampleModel:
    """A model without the parsing that its graphs begin with; ``rest`` is the file of what is left."""

    def __init__(self, content: bytes, config: config_pb2.ConfigProto) -> None:
        model = ModelT.InitFromObj(Model.GetRootAs(content))
        self._parsings = {
            number: parsing
            for number, graph in enumerate(model.subgraphs)
            if (parsing := _take_parsing(model, graph, config)) is not None
        }
        self._graph_of = {}
        for definition in model.signatureDefs or ():
            self._graph_of[definition.signatureKey.decode()] = definition.subgraphIndex
            if definition.subgraphIndex in self._parsings:
                definition.inputs = _numbered(model.subgraphs[definition.subgraphIndex].inputs)
        builder = Builder(len(content))
        builder.Finish(model.Pack(builder), file_identifier=_FILE_IDENTIFIER)
        self.rest = bytes(builder.Output())

    def parsed(
        self, known: RunnerSignature | TensorSignature
    ) -> RunnerSignature | TensorSignature | ParsedSignature:
        """What answers a signature that is known of the whole model."""
        by_runner, signature = isinstance(known, RunnerSignature), known.signature
        parsing = self._parsings.get(self._graph_of[signature.name] if by_runner else 0)
        if parsing is None:
            return known
        inputs = {str(number): spec for number, spec in enumerate(parsing.outputs)}
        rest = Signature(signature.name, inputs, signature.outputs)
        return ParsedSignature(signature, parsing, type(known)(rest))


def parses_examples(content: bytes) -> bool:
    """Whether a model has an operation that parses examples."""
    model = Model.GetRootAs(content)
    codes = map(model.OperatorCodes, range(model.OperatorCodesLength()))
    return any(code.CustomCode() in OPERATIONS for code in codes)


def _take_parsing(model: Any, graph: Any, config: config_pb2.ConfigProto) -> Parsing | None:
    """Have ``graph`` begin after its parsing; ``None`` if it does not begin with what can be taken out."""
    for operation in graph.operators:
        if model.operatorCodes[operation.opcodeIndex].customCode in OPERATIONS:
            break
    else:
        return None
    serialized, _, sparse, dense, ragged, *defaults = operation.inputs
    if list(graph.inputs) != [serialized] or _constant(model, graph.tensors[ragged]).size:
        return None
    sparse_keys, dense_keys, *values = (
        _constant(model, graph.tensors[index]) for index in (sparse, dense, *defaults)
    )
    outputs = [_spec(graph.tensors[index]) for index in operation.outputs]
    graph.operators.remove(operation)
    graph.inputs = operation.outputs
    return Parsing(_callable(sparse_keys, dense_keys, values, outputs, config), outputs)


def _callable(
    sparse_keys: Array,
    dense_keys: Array,
    defaults: Sequence[Array],
    outputs: Sequence[TensorSpec],
    config: config_pb2.ConfigProto,
) -> Callable[[Array], Sequence[Array]]:
    """The operation, in a session of its own; it answers ``outputs``."""
    sparse_values = outputs[len(sparse_keys) : 2 * len(sparse_keys)]
    dense_values = outputs[3 * len(sparse_keys) :]
    with tf.Graph().as_default():
        serialized = tf.compat.v1.placeholder(tf.string, [None])
        parsed = tf.raw_ops.ParseExampleV2(
            serialized=serialized,
            names=tf.constant([], tf.string),
            sparse_keys=sparse_keys,
            dense_keys=dense_keys,
            ragged_keys=tf.constant([], tf.string),
            dense_defaults=defaults,
            num_sparse=len(sparse_keys),
            sparse_types=[spec.dtype for spec in sparse_values],
            ragged_value_types=[],
            ragged_split_types=[],
            dense_shapes=[spec.shape[1:] for spec in dense_values if spec.shape],
        )
        session = tf.compat.v1.Session(config=config)
    fetches = [tensor.name for tensors in parsed for tensor in tensors]
    options = config_pb2.CallableOptions(feed=[serialized.name], fetch=fetches)
    options.run_options.inter_op_thread_pool = -1  # the calling thread runs it
    prepared: Callable[[Array], Sequence[Array]] = session._make_callable_from_options(options)
    return prepared


def _constant(model: Any, tensor: Any) -> Array:
    """The value of a tensor that is part of the model."""
    data, dtype = model.buffers[tensor.buffer].data, _DTYPES[tensor.type].numpy
    content = b"" if data is None else data.tobytes()
    if tensor.type != TensorType.STRING:
        return np.frombuffer(content, dtype).reshape(tensor.shape)
    # Their number, where each begins and the last ends, and then the strings.
    number = int.from_bytes(content[:4], "little")
    strings = np.empty(number, dtype)
    ends = np.frombuffer(content, np.int32, number + 1, 4)
    strings[:] = [content[begin:end] for begin, end in pairwise(ends)]
    return strings.reshape(tensor.shape)


def _spec(tensor: Any) -> TensorSpec:
    shape = tensor.shape if tensor.shapeSignature is None else tensor.shapeSignature
    return TensorSpec(tensor.name.decode(), _DTYPES[tensor.type], tuple(map(int, shape)))


def _numbered(tensors: Sequence[int]) -> list[Any]:
    """Names of inputs: their places."""
    inputs = []
    for number, index in enumerate(tensors):
        inputs.append(TensorMapT())
        inputs[-1].name, inputs[-1].tensorIndex = str(number), index
    return inputs
