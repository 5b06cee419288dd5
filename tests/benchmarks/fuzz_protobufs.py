"""Sends strange and damaged protobufs in sound gRPC calls, and tells what became of the server.

From the folder ``tests``: ``python -m benchmarks.fuzz_protobufs --inputs 50000 --seed 1``.
A request has any choice of the fields of its message with values that may contradict each other, alone or
merged into a sound request, or has some of its bytes changed. Each must be answered, and none as if the
server were at fault.
"""

from __future__ import annotations

from functools import cache
from typing import Any

import grpc
import numpy as np
from benchmarks.fuzzing import MODELS, Report, main, try_examples, watching
from google.protobuf.descriptor import Descriptor, FieldDescriptor
from google.protobuf.message_factory import GetMessageClass
from hypothesis import strategies as st
from support.examples import (
    REGRESS,
    Features,
    classification_request,
    model_spec,
    multi_inference_request,
    regression_request,
)
from support.servers import Server
from support.stubs import TIMEOUT, predict_request
from tensorflow_serving.apis.get_model_metadata_pb2 import GetModelMetadataRequest
from tensorflow_serving.apis.get_model_status_pb2 import GetModelStatusRequest
from tritonclient.grpc.service_pb2 import ModelInferRequest, ModelMetadataRequest

FAULTS = {grpc.StatusCode.UNKNOWN, grpc.StatusCode.INTERNAL, grpc.StatusCode.UNAVAILABLE}

DEEPEST = 6
"""Levels of messages in messages; an Example has its values on the sixth of a request."""

NAMES = (
    *MODELS,
    *("x", "a", "b", "text", "inputs", "y", "serving_default", "classify", "signature_def", "FP32", "BYTES"),
)
"""Strings that mean something to the server."""


def _infer_request(
    model: str, name: str, datatype: str, contents: Any = None, **more: Any
) -> ModelInferRequest:
    tensor = {"name": name, "datatype": datatype, "shape": [2], "contents": contents}
    return ModelInferRequest(model_name=model, inputs=[tensor], **more)


_EXAMPLES: list[Features] = [{"x": 1.0}, {"x": 2.0, "shift": 1.0}]
SOUND: dict[str, list[Any]] = {
    "/tensorflow.serving.PredictionService/Predict": [
        predict_request("half", [1, 2], output_filter=["y"]),
        predict_request("words", {"text": ["a", "b"]}),
        predict_request("pair", {"a": [[1.0, 2.0]], "b": [3]}),
        predict_request("fixed", np.ones((4, 2))),
        predict_request("echo", {"x": np.array([1], np.int8)}, signature="int8"),
    ],
    "/tensorflow.serving.PredictionService/Classify": [
        classification_request("examples", _EXAMPLES, "classify", context={"shift": 1.0})
    ],
    "/tensorflow.serving.PredictionService/Regress": [regression_request("examples", _EXAMPLES)],
    "/tensorflow.serving.PredictionService/MultiInference": [
        multi_inference_request([(model_spec("examples", "column"), REGRESS)], _EXAMPLES)
    ],
    "/tensorflow.serving.PredictionService/GetModelMetadata": [
        GetModelMetadataRequest(model_spec=model_spec("half"), metadata_field=["signature_def"])
    ],
    "/tensorflow.serving.ModelService/GetModelStatus": [GetModelStatusRequest(model_spec=model_spec("half"))],
    "/inference.GRPCInferenceService/ModelInfer": [
        _infer_request("half", "x", "FP32", raw_input_contents=[bytes(8)], outputs=[{"name": "y"}]),
        _infer_request("words", "text", "BYTES", raw_input_contents=[b"\1\0\0\0a\0\0\0\0"]),
        _infer_request("half", "x", "FP32", contents={"fp32_contents": [1, 2]}),
    ],
    "/inference.GRPCInferenceService/ModelMetadata": [ModelMetadataRequest(name="half", version="1")],
}
"""Requests that are answered, by the path of their method."""

_WORDS = st.sampled_from(NAMES) | st.text(max_size=8)
_SCALARS: dict[int, st.SearchStrategy[Any]] = {
    FieldDescriptor.CPPTYPE_INT32: st.integers(-(2**31), 2**31 - 1),
    FieldDescriptor.CPPTYPE_INT64: st.sampled_from((-1, 0, 1, 2, 2**40)) | st.integers(-(2**63), 2**63 - 1),
    FieldDescriptor.CPPTYPE_UINT32: st.integers(0, 2**32 - 1),
    FieldDescriptor.CPPTYPE_UINT64: st.integers(0, 2**64 - 1),
    FieldDescriptor.CPPTYPE_FLOAT: st.floats(width=32),
    FieldDescriptor.CPPTYPE_DOUBLE: st.floats(),
    FieldDescriptor.CPPTYPE_BOOL: st.booleans(),
}


def fuzz(server: Server, inputs: int, seed: int) -> Report:
    """Send so many requests, one after the other."""
    channel = server.channel()
    with watching(server, inputs) as (report, take):

        def attempt(path: str, request: bytes, _is_damaged: bool) -> None:
            code = grpc.StatusCode.OK
            try:
                channel.unary_unary(path)(request, TIMEOUT)
            except grpc.RpcError as error:
                code = error.code()
                assert code not in FAULTS, (path, error.details())
            take(code.name)

        try_examples(_calls(), attempt, inputs, seed)
    return report


def _calls() -> st.SearchStrategy[tuple[str, bytes]]:
    return st.sampled_from(list(SOUND)).flatmap(lambda path: st.tuples(st.just(path), _requests(path)))


@cache
def _requests(path: str) -> st.SearchStrategy[bytes]:
    sound = st.sampled_from([request.SerializeToString() for request in SOUND[path]])
    strange = _messages(SOUND[path][0].DESCRIPTOR, DEEPEST).map(lambda message: message.SerializeToString())
    merged = st.builds(bytes.__add__, sound, strange)
    return sound | strange | merged


@cache
def _messages(kind: Descriptor, depth: int) -> st.SearchStrategy[Any]:
    """Messages with any choice of the fields, those that lie deeper than ``depth`` left out."""
    fields = {
        field.name: _values(field, depth)
        for field in kind.fields
        if depth or field.cpp_type != FieldDescriptor.CPPTYPE_MESSAGE
    }
    return st.fixed_dictionaries({}, optional=fields).map(lambda given: GetMessageClass(kind)(**given))


def _values(field: FieldDescriptor, depth: int) -> st.SearchStrategy[Any]:
    if field.message_type is not None and field.message_type.GetOptions().map_entry:
        entry = field.message_type.fields_by_name
        return st.dictionaries(_WORDS, _value(entry["value"], depth), max_size=2)
    single = _value(field, depth)
    return st.lists(single, max_size=3) if field.is_repeated else single


def _value(field: FieldDescriptor, depth: int) -> st.SearchStrategy[Any]:
    if field.message_type is not None:
        return _messages(field.message_type, depth - 1)
    if field.enum_type is not None:
        return st.sampled_from([value.number for value in field.enum_type.values])
    if field.type == FieldDescriptor.TYPE_BYTES:
        return st.binary(max_size=16)
    if field.type == FieldDescriptor.TYPE_STRING:
        return _WORDS
    return _SCALARS[field.cpp_type]


if __name__ == "__main__":
    main(__doc__, fuzz)
