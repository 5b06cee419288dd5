"""A SavedModel in a session of TensorFlow's own: loaded by its C API, run by its Python module.

``TF_LoadSessionFromSavedModel`` is TensorFlow Serving's way too: it finds the graph with the tags, restores
its variables and runs its initialisers, all without the interpreter's lock. The Python module then runs
prepared calls in that session: with ``mlp 784-512-512-10`` they take a third of the time of the eager
signature wrapper at one row. ``session.run`` itself would refuse shapes that TensorFlow Serving accepts.
"""

from __future__ import annotations

import ctypes
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from ctypes import c_char_p, c_void_p
from pathlib import Path
from typing import Any, NamedTuple

import tensorflow as tf
from tensorflow.core.framework import graph_pb2
from tensorflow.core.protobuf import config_pb2
from tensorflow.python.client import pywrap_tf_session

from kernel_server.core.servable import Array, Runner
from kernel_server.errors import InvalidArgument
from kernel_server.giving_way import giving_way
from kernel_server.servables import tensorflow_c as c
from kernel_server.servables.tensorflow_errors import error_of, tensorflow_errors

_IN_CALLING_THREAD = config_pb2.RunOptions(inter_op_thread_pool=-1).SerializeToString()
"""TensorFlow's own threads answer requests, and give way to nobody."""

_new_capsule = ctypes.pythonapi.PyCapsule_New
_new_capsule.restype, _new_capsule.argtypes = ctypes.py_object, (c_void_p, c_char_p, c_void_p)


class NoSuchTensor(InvalidArgument):
    """A signature names a tensor that its graph does not have."""

    def __init__(self, name: str) -> None:
        super().__init__(f"The graph has no tensor '{name}', which a signature names")


class Place(NamedTuple):
    """Where a tensor of a graph comes from: an operation's address, and the number of its output."""

    operation: int
    number: int


class Session:
    """One loaded graph; runs from many threads at once. Call :meth:`close` at the end."""

    def __init__(self, directory: Path, tags: Sequence[str], config: config_pb2.ConfigProto) -> None:
        """Load; raises TensorFlow's errors as the server's."""
        self._graph = c.new_graph()
        self._address: int | None = None
        meta_graph = c.new_buffer()
        try:
            with _options(config) as options, _run_options() as run, _checked() as status:
                names = (c_char_p * len(tags))(*[tag.encode() for tag in tags])
                where = bytes(directory), names, len(tags)
                self._address = giving_way(
                    lambda: c.load_session(options, run, *where, self._graph, meta_graph, status)
                )
            found = meta_graph.contents
            self.meta_graph = ctypes.string_at(found.data, found.length)
            """Serialized, as it was found."""
        except BaseException:
            self.close()
            raise
        finally:
            c.delete_buffer(meta_graph)
        self._shared = _SharedSession(self._address)

    def place(self, tensor: str) -> Place:
        """Where the tensor ``operation:number`` comes from; raises :class:`NoSuchTensor`."""
        name, _, number = tensor.partition(":")
        operation = c.find_operation(self._graph, name.encode())
        if not operation or not (number or "0").isdigit():
            raise NoSuchTensor(tensor)
        return Place(operation, int(number or 0))

    def kind(self, operation: int) -> str:
        """The type of an operation, such as ``VarHandleOp``."""
        name: bytes = c.operation_type(operation)
        return name.decode()

    def inputs(self, operation: int) -> list[Place]:
        """Where the inputs of an operation come from."""
        count = c.count_inputs(operation)
        found = (c.Output * count)()
        c.read_inputs(operation, found, count)
        return [Place(each.operation, each.number) for each in found]

    def consumers(self, place: Place) -> list[int]:
        """The operations that take a tensor as an input."""
        output = c.Output(*place)
        count = c.count_consumers(output)
        found = (c.Output * count)()
        c.read_consumers(output, found, count)
        return [each.operation for each in found]

    def add(self, graph: graph_pb2.GraphDef, prefix: str, inputs: Mapping[str, Place]) -> None:
        """Put more operations into the graph, under a ``prefix``; ``inputs`` names what they are to take."""
        text = graph.SerializeToString()
        definition, options = c.new_buffer_from(text, len(text)), c.new_import_options()
        try:
            c.set_import_prefix(options, prefix.encode())
            for name, place in inputs.items():
                c.map_import_input(options, name.encode(), 0, c.Output(*place))
            with _checked() as status:
                giving_way(lambda: c.import_graph(self._graph, definition, options, status))
        finally:
            c.delete_import_options(options)
            c.delete_buffer(definition)

    def perform(self, operation: str) -> None:
        """Run an operation that answers nothing."""
        target = c_void_p(self.place(operation).operation)
        with _run_options() as run, _checked() as status:
            nothing = None, None, 0
            giving_way(lambda: c.run_session(self._address, run, *nothing, *nothing, target, 1, None, status))

    def runner(self, feeds: Sequence[str], fetches: Sequence[str]) -> Runner:
        """A prepared call, its part of the graph optimised, that feeds some tensors and fetches others."""
        options = config_pb2.CallableOptions(feed=feeds, fetch=fetches)
        # The calling thread runs the graph: a hop to TensorFlow's own pool costs small models a third.
        options.run_options.inter_op_thread_pool = -1
        text = pywrap_tf_session.TF_NewBufferFromString(options.SerializeToString())
        session, call = self._shared, pywrap_tf_session.TF_SessionRunCallable
        try:
            with tensorflow_errors():
                handle = pywrap_tf_session.TF_SessionMakeCallable(session, text)
        finally:
            pywrap_tf_session.TF_DeleteBuffer(text)

        def run(inputs: Sequence[Array]) -> Sequence[Array]:
            with tensorflow_errors():
                answer: Sequence[Array] = call(session, handle, inputs, None)
            return answer

        return run

    def close(self) -> None:
        """End the session, which frees its variables, and its graph."""
        giving_way(self._close)

    def _close(self) -> None:
        status = c.new_status()  # whatever it says, nothing can be done about it
        if self._address:
            c.close_session(self._address, status)
            c.delete_session(self._address, status)
        c.delete_status(status)
        c.delete_graph(self._graph)


class _SharedSession:
    """A session that another library has made, for a module that is made with pybind11.

    Such modules ask objects of types that are not theirs for an address; see ``cpp_conduit`` in pybind11's
    documentation.
    """

    def __init__(self, address: int | None) -> None:
        self._capsule = _new_capsule(address, None, None)

    def _pybind11_conduit_v1_(self, abi: bytes, cpp_type: Any, kind: bytes) -> Any:
        return self._capsule


def prepare_threads(config: config_pb2.ConfigProto) -> None:
    """Have TensorFlow start the threads that all its sessions share, before one does that gives way."""
    tf.compat.v1.Session(graph=tf.Graph(), config=config).close()


@contextmanager
def _options(config: config_pb2.ConfigProto) -> Iterator[int]:
    options, text = c.new_session_options(), config.SerializeToString()
    try:
        with _checked() as status:
            c.set_config(options, text, len(text), status)
        yield options
    finally:
        c.delete_session_options(options)


@contextmanager
def _run_options() -> Iterator[Any]:
    options = c.new_buffer_from(_IN_CALLING_THREAD, len(_IN_CALLING_THREAD))
    try:
        yield options
    finally:
        c.delete_buffer(options)


@contextmanager
def _checked() -> Iterator[int]:
    """A status to be written to; raises what it says at the end."""
    status = c.new_status()
    try:
        yield status
        if code := c.status_code(status):
            raise error_of(code, c.status_message(status).decode(errors="replace"))
    finally:
        c.delete_status(status)
