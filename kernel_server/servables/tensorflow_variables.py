"""Fills the variables that a SavedModel's restore operation leaves empty.

Keras 3 writes each variable twice into its exports: the one the signature reads and a copy. The
restore operation of the graph fills the copies alone, so a plain session finds the first set
uninitialised. Which variable a signature reads tells the object graph of the SavedModel, and where its
value is tells that of the checkpoint; objects have the same numbers in both. Loading the objects themselves
would take longer than everything else, and leave thousands of them to the garbage collector.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import tensorflow as tf
from tensorflow.core.protobuf import meta_graph_pb2, saved_object_graph_pb2, trackable_object_graph_pb2

_SIGNATURES = "signatures"
_CHECKPOINTED_OBJECTS = "_CHECKPOINTABLE_OBJECT_GRAPH"


def initialize_remaining_variables(
    session: Any, meta_graph: meta_graph_pb2.MetaGraphDef, directory: Path
) -> None:
    """Give every variable that a signature reads its value; does nothing when all have theirs."""
    missing = _uninitialized(session)
    if not missing or not meta_graph.HasField("object_graph_def"):
        return
    found = {
        handle.name: (handle, number)
        for handle, number in _variables_read(session.graph, meta_graph)
        if handle.name in missing
    }
    if found:
        handles, numbers = zip(*found.values(), strict=True)
        _assign(session, handles, list(_checkpointed(directory, numbers)))


def _uninitialized(session: Any) -> set[str]:
    with session.graph.as_default():
        handles = [op.outputs[0] for op in session.graph.get_operations() if op.type == "VarHandleOp"]
        flags = session.run([tf.raw_ops.VarIsInitializedOp(resource=handle) for handle in handles])
    return {handle.name for handle, initialized in zip(handles, flags, strict=True) if not initialized}


def _variables_read(graph: Any, meta_graph: meta_graph_pb2.MetaGraphDef) -> Iterator[tuple[Any, int]]:
    """Pairs of a handle in ``graph`` and the number of the variable that it stands for.

    The node that calls a signature's function takes the function's captures as its last inputs, in
    the order in which the function lists them.
    """
    objects = meta_graph.object_graph_def
    for name, function in _signature_functions(objects):
        captures = objects.concrete_functions[function].bound_inputs
        for output in meta_graph.signature_def[name].outputs.values():
            call = graph.get_tensor_by_name(output.name).op
            handles = call.inputs[len(call.inputs) - len(captures) :]
            for handle, number in zip(handles, captures, strict=True):
                if objects.nodes[number].HasField("variable"):
                    yield handle, number


def _signature_functions(objects: saved_object_graph_pb2.SavedObjectGraph) -> Iterator[tuple[str, str]]:
    """The names of the signatures, and of the functions that they call."""
    root = objects.nodes[0]
    maps = (objects.nodes[child.node_id] for child in root.children if child.local_name == _SIGNATURES)
    for signatures in maps:
        for child in signatures.children:
            function = objects.nodes[child.node_id].bare_concrete_function
            yield child.local_name, function.concrete_function_name


def _checkpointed(directory: Path, numbers: Iterable[int]) -> Iterator[Any]:
    """The values of the variables with these numbers."""
    checkpoint = tf.train.load_checkpoint(str(directory / "variables" / "variables"))
    objects = trackable_object_graph_pb2.TrackableObjectGraph.FromString(
        checkpoint.get_tensor(_CHECKPOINTED_OBJECTS)
    )
    for number in numbers:
        (value,) = objects.nodes[number].attributes
        yield checkpoint.get_tensor(value.checkpoint_key)


def _assign(session: Any, handles: Iterable[Any], values: list[Any]) -> None:
    # Values are fed, since a constant would keep a second copy of the weights in the graph; and fed
    # in one run, since each new run optimises the whole graph again.
    with session.graph.as_default():
        feeds = [tf.compat.v1.placeholder(value.dtype, value.shape) for value in values]
        assignments = [
            tf.raw_ops.AssignVariableOp(resource=handle, value=feed)
            for handle, feed in zip(handles, feeds, strict=True)
        ]
    session.run(assignments, dict(zip(feeds, values, strict=True)))
