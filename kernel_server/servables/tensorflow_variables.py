"""Fills the variables that a SavedModel's restore operation leaves empty.

Keras 3 writes each variable twice into its exports: the one the signature reads and a copy. The
restore operation of the graph fills the copies alone, so a plain session finds the first set
uninitialised; the object graph knows both. This takes the values from there.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import tensorflow as tf
from tensorflow.core.protobuf import meta_graph_pb2


def initialize_remaining_variables(
    session: Any, meta_graph: meta_graph_pb2.MetaGraphDef, tags: Sequence[str], directory: Path
) -> None:
    """Give every variable that a signature reads its value; does nothing when all have theirs."""
    missing = _uninitialized(session)
    if not missing or not meta_graph.HasField("object_graph_def"):
        return
    with tf.device("CPU:0"):
        loaded = tf.saved_model.load(str(directory), tags=list(tags))
    found = {
        handle.name: (handle, variable)
        for handle, variable in _variables_read(session.graph, meta_graph, loaded)
        if handle.name in missing
    }
    if found:
        _assign(session, found.values())


def _uninitialized(session: Any) -> set[str]:
    with session.graph.as_default():
        handles = [op.outputs[0] for op in session.graph.get_operations() if op.type == "VarHandleOp"]
        flags = session.run([tf.raw_ops.VarIsInitializedOp(resource=handle) for handle in handles])
    return {handle.name for handle, initialized in zip(handles, flags, strict=True) if not initialized}


def _variables_read(
    graph: Any, meta_graph: meta_graph_pb2.MetaGraphDef, loaded: Any
) -> Iterator[tuple[Any, Any]]:
    """Pairs of a handle in ``graph`` and the loaded variable behind it.

    The node that calls a signature's function takes the function's captures as its last inputs, in
    the order in which the loaded function lists them.
    """
    for name, function in loaded.signatures.items():
        captures = function.captured_inputs
        by_handle = {id(variable.handle): variable for variable in function.variables}
        for output in meta_graph.signature_def[name].outputs.values():
            call = graph.get_tensor_by_name(output.name).op
            handles = call.inputs[len(call.inputs) - len(captures) :]
            for handle, capture in zip(handles, captures, strict=True):
                if id(capture) in by_handle:
                    yield handle, by_handle[id(capture)]


def _assign(session: Any, pairs: Iterable[tuple[Any, Any]]) -> None:
    # Values are fed, since a constant would keep a second copy of the weights in the graph; and fed
    # in one run, since each new run optimises the whole graph again.
    handles, variables = zip(*pairs, strict=True)
    values = [variable.numpy() for variable in variables]
    with session.graph.as_default():
        feeds = [tf.compat.v1.placeholder(value.dtype, value.shape) for value in values]
        assignments = [
            tf.raw_ops.AssignVariableOp(resource=handle, value=feed)
            for handle, feed in zip(handles, feeds, strict=True)
        ]
    session.run(assignments, dict(zip(feeds, values, strict=True)))
