"""The JSON of model status and model metadata, as protobuf's own JSON printer would write it.

Field names are the proto's, int64 are strings, enumerators are names, defaults are written out.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import orjson
from google.protobuf import json_format
from tensorflow.core.framework import tensor_pb2

from kernel_server.core.dtypes import REF_OFFSET
from kernel_server.core.servable import Array, ServableId
from kernel_server.core.signature import Signature, TensorSpec
from kernel_server.core.state import VersionState
from kernel_server.tensor_protos import encode_tensor


def status_body(states: Iterable[VersionState]) -> bytes:
    """A ``GetModelStatusResponse``, the versions in the order given."""
    return _dump({"model_version_status": [_version_status(state) for state in states]})


def metadata_body(servable: ServableId, signatures: Mapping[str, Signature]) -> bytes:
    """A ``GetModelMetadataResponse`` with every signature."""
    definitions = {name: _signature_def(signature) for name, signature in signatures.items()}
    return _dump(
        {
            "model_spec": {
                "name": servable.name,
                "signature_name": "",
                "version": str(servable.version),
            },
            "metadata": {"signature_def": {"signature_def": definitions}},
        }
    )


def _dump(message: Mapping[str, object]) -> bytes:
    return orjson.dumps(message, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE)


def _version_status(state: VersionState) -> dict[str, object]:
    error = state.error
    return {
        "version": str(state.id.version),
        "state": state.state.name,
        "status": {
            "error_code": error.code if error else "OK",
            "error_message": error.message if error else "",
        },
    }


def _signature_def(signature: Signature) -> dict[str, object]:
    return {
        "inputs": {name: _tensor_info(spec) for name, spec in signature.inputs.items()},
        "outputs": {name: _tensor_info(spec) for name, spec in signature.outputs.items()},
        "method_name": signature.method_name,
        "defaults": {name: _tensor(value) for name, value in signature.defaults.items()},
    }


def _tensor(value: Array) -> dict[str, object]:
    message = tensor_pb2.TensorProto.FromString(encode_tensor(value))
    return json_format.MessageToDict(
        message, preserving_proto_field_name=True, always_print_fields_with_no_presence=True
    )


def _tensor_info(spec: TensorSpec) -> dict[str, object]:
    suffix = "_REF" if spec.wire_dtype > REF_OFFSET else ""
    return {
        "dtype": f"DT_{spec.dtype.name}{suffix}",
        "tensor_shape": {
            "dim": [{"size": str(size), "name": ""} for size in spec.shape or ()],
            "unknown_rank": spec.shape is None,
        },
        "name": spec.tensor_name,
    }
