"""Status and metadata against protobuf's own JSON of the same facts."""

import json

import numpy as np
from google.protobuf import json_format
from tensorflow_serving.apis import get_model_metadata_pb2, get_model_status_pb2

from kernel_server.core.dtypes import REF_OFFSET, DataType
from kernel_server.core.servable import ServableId
from kernel_server.core.signature import CLASSIFY, PREDICT, Signature, TensorSpec
from kernel_server.core.state import State, VersionState
from kernel_server.errors import NotFound
from kernel_server.rest.describe import metadata_body, status_body


def protobuf_json(message: object) -> object:
    return json.loads(
        json_format.MessageToJson(
            message, preserving_proto_field_name=True, always_print_fields_with_no_presence=True
        )
    )


def test_status_is_what_protobuf_prints() -> None:
    states = [
        VersionState(ServableId("m", 2**62), State.AVAILABLE),
        VersionState(ServableId("m", 1), State.END, NotFound('no "saved_model.pb"')),
        VersionState(ServableId("m", 0), State.UNLOADING),
    ]
    expected = get_model_status_pb2.GetModelStatusResponse()
    for state, code, message in zip(states, [0, 5, 0], ["", 'no "saved_model.pb"', ""], strict=True):
        version = expected.model_version_status.add(version=state.id.version, state=state.state.value)
        version.status.error_code = code
        version.status.error_message = message
    assert json.loads(status_body(states)) == protobuf_json(expected)


def test_metadata_is_what_protobuf_prints() -> None:
    signatures = {
        "serving_default": Signature(
            "serving_default",
            {"x": TensorSpec("x:0", DataType.FLOAT, (-1, 3)), "s": TensorSpec("s:0", DataType.STRING, None)},
            {"y": TensorSpec("y:0", REF_OFFSET + DataType.FLOAT, ())},
            PREDICT,
            defaults={"x": np.ones((1, 3), np.float32), "s": np.array([b"\xff"], object)},
        ),
        "init": Signature("init", {}, {"done": TensorSpec("op", DataType.INVALID, None)}, CLASSIFY),
    }
    definitions = get_model_metadata_pb2.SignatureDefMap()
    for name, signature in signatures.items():
        definition = definitions.signature_def[name]
        definition.method_name = signature.method_name
        for specs, infos in (
            (signature.inputs, definition.inputs),
            (signature.outputs, definition.outputs),
        ):
            for alias, spec in specs.items():
                info = infos[alias]
                info.name, info.dtype = spec.tensor_name, spec.wire_dtype
                info.tensor_shape.unknown_rank = spec.shape is None
                for size in spec.shape or ():
                    info.tensor_shape.dim.add(size=size)
        for alias, value in signature.defaults.items():
            proto = definition.defaults[alias]
            proto.dtype = DataType.of(value.dtype)
            proto.tensor_shape.SetInParent()
            for size in value.shape:
                proto.tensor_shape.dim.add(size=size)
            field = proto.string_val if value.dtype == object else proto.float_val
            field.extend(value.ravel().tolist())
    assert json.loads(metadata_body(ServableId("m", 123), signatures)) == {
        "model_spec": {"name": "m", "signature_name": "", "version": "123"},
        "metadata": {"signature_def": protobuf_json(definitions)},
    }
