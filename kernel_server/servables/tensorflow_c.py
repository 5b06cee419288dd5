"""The functions of TensorFlow's C API that load a SavedModel (``tensorflow/c/c_api.h``).

Loads of TensorFlow's Python module keep the interpreter's lock while they build a graph, for as long as that
takes, and would stop every other model meanwhile. What may take long is therefore called by way of
:data:`_waiting`, which gives the lock up; what is over at once by way of :data:`_prompt`, which does not.
"""

from __future__ import annotations

from collections.abc import Sequence
from ctypes import CDLL, POINTER, PyDLL, Structure, c_char_p, c_int, c_size_t, c_void_p
from pathlib import Path
from typing import Any

import tensorflow as tf

_FOLDER = Path(tf.sysconfig.get_lib())


class Buffer(Structure):
    """``TF_Buffer``: bytes that TensorFlow owns."""

    _fields_ = (("data", c_void_p), ("length", c_size_t), ("deallocator", c_void_p))


class Output(Structure):
    """``TF_Output``: one output of an operation, which is a tensor's place in a graph."""

    _fields_ = (("operation", c_void_p), ("number", c_int))


def _library(name: str) -> str:
    """The file of a library that came with TensorFlow, whatever the system's ending for it."""
    return str(min(_FOLDER.glob(f"lib{name}.*")))


_LIBRARIES = _library("tensorflow_cc"), _library("tensorflow_framework")
_waiting, _prompt = [[kind(library) for library in _LIBRARIES] for kind in (CDLL, PyDLL)]


def _function(libraries: Sequence[CDLL], name: str, result: Any, *arguments: Any) -> Any:
    """From whichever of the libraries has it, which is not the same in all versions."""
    function = next(getattr(library, name) for library in libraries if hasattr(library, name))
    function.restype, function.argtypes = result, arguments
    return function


new_status = _function(_prompt, "TF_NewStatus", c_void_p)
delete_status = _function(_prompt, "TF_DeleteStatus", None, c_void_p)
status_code = _function(_prompt, "TF_GetCode", c_int, c_void_p)
status_message = _function(_prompt, "TF_Message", c_char_p, c_void_p)

new_buffer = _function(_prompt, "TF_NewBuffer", POINTER(Buffer))
new_buffer_from = _function(_prompt, "TF_NewBufferFromString", POINTER(Buffer), c_char_p, c_size_t)
delete_buffer = _function(_prompt, "TF_DeleteBuffer", None, POINTER(Buffer))

new_graph = _function(_prompt, "TF_NewGraph", c_void_p)
delete_graph = _function(_waiting, "TF_DeleteGraph", None, c_void_p)
find_operation = _function(_prompt, "TF_GraphOperationByName", c_void_p, c_void_p, c_char_p)
operation_type = _function(_prompt, "TF_OperationOpType", c_char_p, c_void_p)
count_inputs = _function(_prompt, "TF_OperationNumInputs", c_int, c_void_p)
read_inputs = _function(_prompt, "TF_OperationAllInputs", None, c_void_p, POINTER(Output), c_int)
count_consumers = _function(_prompt, "TF_OperationOutputNumConsumers", c_int, Output)
read_consumers = _function(_prompt, "TF_OperationOutputConsumers", c_int, Output, POINTER(Output), c_int)

new_import_options = _function(_prompt, "TF_NewImportGraphDefOptions", c_void_p)
delete_import_options = _function(_prompt, "TF_DeleteImportGraphDefOptions", None, c_void_p)
set_import_prefix = _function(_prompt, "TF_ImportGraphDefOptionsSetPrefix", None, c_void_p, c_char_p)
map_import_input = _function(
    _prompt, "TF_ImportGraphDefOptionsAddInputMapping", None, c_void_p, c_char_p, c_int, Output
)
import_graph = _function(
    _waiting, "TF_GraphImportGraphDef", None, c_void_p, POINTER(Buffer), c_void_p, c_void_p
)

new_session_options = _function(_prompt, "TF_NewSessionOptions", c_void_p)
delete_session_options = _function(_prompt, "TF_DeleteSessionOptions", None, c_void_p)
set_config = _function(_prompt, "TF_SetConfig", None, c_void_p, c_char_p, c_size_t, c_void_p)
load_session = _function(
    _waiting,
    "TF_LoadSessionFromSavedModel",
    c_void_p,
    *(c_void_p, POINTER(Buffer), c_char_p, POINTER(c_char_p), c_int),
    *(c_void_p, POINTER(Buffer), c_void_p),
)
close_session = _function(_waiting, "TF_CloseSession", None, c_void_p, c_void_p)
delete_session = _function(_waiting, "TF_DeleteSession", None, c_void_p, c_void_p)
run_session = _function(
    _waiting,
    "TF_SessionRun",
    None,
    *(c_void_p, POINTER(Buffer)),
    *(POINTER(Output), POINTER(c_void_p), c_int),
    *(POINTER(Output), POINTER(c_void_p), c_int),
    *(POINTER(c_void_p), c_int, POINTER(Buffer), c_void_p),
)
