"""The calls of TensorFlow Serving's REST face, in column format."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import quote

import numpy as np
import orjson

from workbench.errors import RequestFailed
from workbench.metadata import ModelMetadata, Signature, TensorInfo
from workbench.versions import VersionList, VersionStatus, mark_live
from workbench.wire.calls import Call, ModelRef
from workbench.wire.codec import Array
from workbench.wire.dtypes import NUMBER_OF_NAME, NUMPY


class JsonCalls:
    """JSON under ``/v1/models``."""

    def predict(
        self,
        ref: ModelRef,
        signature: Signature,
        inputs: Mapping[str, Array],
        output_filter: Sequence[str],
    ) -> Call[Mapping[str, Array]]:
        """Run ``signature`` on ``inputs``; the filter is applied here, REST has none."""
        for name in output_filter:
            if name not in signature.outputs:
                raise RequestFailed("INVALID_ARGUMENT", f"output tensor alias not found in signature: {name}")
        names = tuple(output_filter) or tuple(signature.outputs)

        def parse(data: bytes) -> Mapping[str, Array]:
            outputs = _outputs(loads(data)["outputs"], signature)
            return {name: outputs[name] for name in names}

        body = {"signature_name": signature.name, "inputs": dict(inputs)}
        return Call(f"{_path(ref)}:predict", dumps(body), parse)

    def status(self, ref: ModelRef) -> Call[VersionList]:
        """The state of every version, or of the one asked for."""
        return Call(_path(ref), None, _parse_status)

    def metadata(self, ref: ModelRef) -> Call[ModelMetadata]:
        """The signatures."""
        return Call(f"{_path(ref)}/metadata", None, _parse_metadata)


def dumps(value: Any) -> bytes:
    """JSON with arrays as nested lists, ``bytes`` as ``{"b64": ...}`` and NaN and Infinity spelled out."""
    if _has_non_finite(value["inputs"]):
        return json.dumps(value, default=_plain).encode()
    return orjson.dumps(value, default=_plain, option=orjson.OPT_SERIALIZE_NUMPY)


def loads(data: bytes) -> Any:
    """Parsed JSON; NaN and Infinity are taken."""
    try:
        return orjson.loads(data)
    except orjson.JSONDecodeError:
        return json.loads(data)


def _path(ref: ModelRef) -> str:
    path = f"/v1/models/{quote(ref.model, safe='')}"
    if ref.version is not None:
        return f"{path}/versions/{ref.version}"
    return path if ref.label is None else f"{path}/labels/{quote(ref.label, safe='')}"


def _has_non_finite(inputs: Mapping[str, Array]) -> bool:
    return any(array.dtype.kind in "fV" and not np.isfinite(array).all() for array in inputs.values())


def _plain(value: Any) -> Any:
    if isinstance(value, bytes):
        return {"b64": base64.b64encode(value).decode()}
    if isinstance(value, np.ndarray):
        return value.tolist()
    raise TypeError(f"{type(value).__name__} cannot be sent as JSON")


def _outputs(value: Any, signature: Signature) -> dict[str, Array]:
    """Arrays by name; a lone output comes without its name."""
    if len(signature.outputs) == 1:
        value = {next(iter(signature.outputs)): value}
    return {name: _array(value[name], info) for name, info in signature.outputs.items()}


def _array(value: Any, info: TensorInfo) -> Array:
    if info.dtype is None or info.dtype.kind != "O":
        return np.array(value, info.dtype)
    strings = np.array(value, np.object_)
    flat = [_bytes(item) for item in strings.ravel()]
    strings.ravel()[:] = flat
    return strings


def _bytes(item: Any) -> bytes:
    return base64.b64decode(item["b64"]) if isinstance(item, dict) else str(item).encode()


def _parse_status(data: bytes) -> VersionList:
    return mark_live(
        VersionStatus(int(item["version"]), item["state"], item["status"]["error_message"] or None)
        for item in loads(data)["model_version_status"]
    )


def _parse_metadata(data: bytes) -> ModelMetadata:
    content = loads(data)
    definitions = content["metadata"]["signature_def"]["signature_def"]
    signatures = {name: _signature(name, definitions[name]) for name in sorted(definitions)}
    spec = content["model_spec"]
    return ModelMetadata(spec["name"], int(spec["version"]), signatures)


def _signature(name: str, definition: Mapping[str, Any]) -> Signature:
    inputs, outputs = _tensors(definition["inputs"]), _tensors(definition["outputs"])
    return Signature(name, inputs, outputs, definition["method_name"])


def _tensors(infos: Mapping[str, Any]) -> dict[str, TensorInfo]:
    return {name: TensorInfo(_dtype(infos[name]["dtype"]), _shape(infos[name])) for name in sorted(infos)}


def _dtype(name: str) -> np.dtype[Any] | None:
    number = NUMBER_OF_NAME.get(name.removeprefix("DT_").removesuffix("_REF").lower())
    return None if number is None else NUMPY[number]


def _shape(info: Mapping[str, Any]) -> tuple[int, ...] | None:
    shape = info["tensor_shape"]
    return None if shape["unknown_rank"] else tuple(int(dim["size"]) for dim in shape["dim"])
