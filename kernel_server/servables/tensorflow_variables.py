"""Fills the variables that a SavedModel's restore operation leaves empty.

Keras 3 writes each variable twice into its exports: the one the signature reads and a copy. The restore
operation of the graph fills the copies alone, so a plain session finds the first set uninitialised. Which
variable a signature reads tells the object graph of the SavedModel, and where its value is tells that of the
checkpoint; objects have the same numbers in both.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path

import tensorflow as tf
from tensorflow.core.framework import graph_pb2, types_pb2
from tensorflow.core.protobuf import saved_object_graph_pb2, trackable_object_graph_pb2

from kernel_server.servables.meta_graph_pb2 import MetaGraph
from kernel_server.servables.tensorflow_session import Place, Session

VALUES = Path("variables", "variables")
"""The prefix of a checkpoint's files in the folder of a version."""

_SIGNATURES = "signatures"
_CHECKPOINTED_OBJECTS = "_CHECKPOINTABLE_OBJECT_GRAPH"
_INITIALIZE = "initialize_remaining_variables"


def initialize_remaining_variables(session: Session, meta_graph: MetaGraph, directory: Path) -> None:
    """Give every variable that a signature reads its value; does nothing when all have theirs."""
    if not meta_graph.object_graph_def or not meta_graph.saver_def.restore_op_name:
        return
    calls = _calls(session, meta_graph)
    empty = _empty(session, calls.values(), meta_graph.saver_def.restore_op_name)
    if not empty:
        return
    objects = saved_object_graph_pb2.SavedObjectGraph.FromString(meta_graph.object_graph_def)
    numbers = {place: number for place, number in _variables_read(session, calls, objects) if place in empty}
    if numbers:
        dtypes = [objects.nodes[number].variable.dtype for number in numbers.values()]
        prefix = str(directory / VALUES)
        _restore(session, prefix, _keys(prefix, numbers.values()), dtypes, list(numbers))


def _calls(session: Session, meta_graph: MetaGraph) -> dict[str, int]:
    """The operations that call the functions of the signatures; sparse outputs have no names."""
    outputs = {
        name: next((output.name for output in found.outputs.values() if output.name), None)
        for name, found in meta_graph.signature_def.items()
    }
    return {name: session.place(output).operation for name, output in outputs.items() if output}


def _empty(session: Session, calls: Iterable[int], restore: str) -> set[Place]:
    """The handles that the operations take and neither the restoring one nor an assignment does."""
    restoring = session.place(restore).operation
    handles = {
        place
        for call in calls
        for place in session.inputs(call)
        if session.kind(place.operation) == "VarHandleOp"
    }
    return {
        place
        for place in handles
        if not any(
            operation == restoring or session.kind(operation) == "AssignVariableOp"
            for operation in session.consumers(place)
        )
    }


def _variables_read(
    session: Session, calls: Mapping[str, int], objects: saved_object_graph_pb2.SavedObjectGraph
) -> Iterator[tuple[Place, int]]:
    """Pairs of a handle and the number of the variable that it stands for.

    The operation that calls a signature's function takes the function's captures as its last inputs, in
    the order in which the function lists them.
    """
    for name, function in _signature_functions(objects):
        captures = objects.concrete_functions[function].bound_inputs
        inputs = session.inputs(calls[name]) if name in calls else []
        for place, number in zip(inputs[len(inputs) - len(captures) :], captures, strict=False):
            if objects.nodes[number].HasField("variable"):
                yield place, number


def _signature_functions(objects: saved_object_graph_pb2.SavedObjectGraph) -> Iterator[tuple[str, str]]:
    """The names of the signatures, and of the functions that they call."""
    root = objects.nodes[0]
    maps = (objects.nodes[child.node_id] for child in root.children if child.local_name == _SIGNATURES)
    for signatures in maps:
        for child in signatures.children:
            function = objects.nodes[child.node_id].bare_concrete_function
            yield child.local_name, function.concrete_function_name


def _keys(prefix: str, numbers: Iterable[int]) -> list[str]:
    """What the checkpoint calls the variables with these numbers."""
    checkpoint = tf.train.load_checkpoint(prefix)
    objects = trackable_object_graph_pb2.TrackableObjectGraph.FromString(
        checkpoint.get_tensor(_CHECKPOINTED_OBJECTS)
    )
    return [value.checkpoint_key for number in numbers for value in objects.nodes[number].attributes]


def _restore(
    session: Session, prefix: str, keys: Sequence[str], dtypes: Sequence[int], handles: Sequence[Place]
) -> None:
    """Have the graph itself read the checkpoint, so that no value passes through Python."""
    graph = graph_pb2.GraphDef()
    constants = {"prefix": prefix, "keys": list(keys), "slices": [""] * len(keys)}
    for name, value in constants.items():
        node = graph.node.add(name=name, op="Const")
        node.attr["dtype"].type = types_pb2.DT_STRING
        node.attr["value"].tensor.CopyFrom(tf.make_tensor_proto(value, tf.string))
    values = graph.node.add(name="values", op="RestoreV2", input=constants)
    values.attr["dtypes"].list.type.extend(dtypes)
    for number, dtype in enumerate(dtypes):
        inputs = [f"handle{number}", f"values:{number}"]
        node = graph.node.add(name=f"assign{number}", op="AssignVariableOp", input=inputs)
        node.attr["dtype"].type = dtype
    graph.node.add(name="all", op="NoOp", input=[f"^assign{number}" for number in range(len(dtypes))])
    session.add(graph, _INITIALIZE, {f"handle{number}": place for number, place in enumerate(handles)})
    session.perform(f"{_INITIALIZE}/all")
