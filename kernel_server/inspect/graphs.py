"""What the files of a SavedModel tell without it being loaded."""

from __future__ import annotations

import math
from collections import Counter
from pathlib import Path

import tensorflow as tf
from tensorflow.core.protobuf import meta_graph_pb2
from tensorflow.python.saved_model.loader_impl import parse_saved_model

from kernel_server.inspect.report import GraphReport
from kernel_server.servables.saved_model import SAVED_MODEL_FILES

_NO_VARIABLE = "_CHECKPOINTABLE_OBJECT_GRAPH"
"""A record in a checkpoint that describes the others."""


def read_graphs(directory: Path) -> tuple[GraphReport, ...]:
    """Every graph in the SavedModel; none where ``directory`` holds another kind of model."""
    if not any((directory / name).is_file() for name in SAVED_MODEL_FILES):
        return ()
    return tuple(_report(graph) for graph in parse_saved_model(str(directory)).meta_graphs)


def count_parameters(directory: Path) -> int:
    """How many numbers the variables of the SavedModel hold."""
    if not (directory / "variables" / "variables.index").is_file():
        return 0
    variables = tf.train.list_variables(str(directory / "variables" / "variables"))
    return sum(math.prod(shape) for name, shape in variables if name != _NO_VARIABLE)


def _report(graph: meta_graph_pb2.MetaGraphDef) -> GraphReport:
    operations = Counter(node.op for node in graph.graph_def.node)
    for function in graph.graph_def.library.function:
        operations.update(node.op for node in function.node_def)
    info = graph.meta_info_def
    return GraphReport(tuple(info.tags), info.tensorflow_version, dict(operations.most_common()))
