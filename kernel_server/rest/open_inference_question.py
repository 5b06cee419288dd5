"""What an inference request asks of a model, and the answer's body."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import numpy as np
import orjson

from kernel_server.core.dtypes import DataType
from kernel_server.core.handle import ServableHandle
from kernel_server.core.servable import Array, Servable
from kernel_server.errors import ServingError
from kernel_server.handlers import Handlers
from kernel_server.handlers.model_spec import ModelSpec
from kernel_server.monitoring.timing import TimingRecord
from kernel_server.open_inference.datatypes import SIXTEEN_BIT_FLOATS, datatype
from kernel_server.open_inference.raw_tensors import encode_raw
from kernel_server.rest.api import GiveUp
from kernel_server.rest.http1.exchange import Reply
from kernel_server.rest.json_encode import plain_values
from kernel_server.rest.open_inference_inputs import InferBody


class InferQuestion:
    """One request; a :class:`~kernel_server.rest.prediction.Question`."""

    __slots__ = ("_body", "_inputs", "_json_length", "_servable")

    def __init__(self, json_length: bytes | None) -> None:
        self._json_length = json_length

    def decode(self, text: bytes, found: Servable | ServingError) -> None:
        """The inputs as they come: the handler knows which ones the signature has."""
        self._body = InferBody(text, self._json_length)
        if isinstance(found, ServingError):
            raise found
        self._inputs = self._body.arrays()

    def start(
        self,
        handlers: Handlers,
        handle: ServableHandle,
        deadline: float,
        record: TimingRecord,
        done: Callable[[dict[str, Array] | ServingError], None],
    ) -> GiveUp:
        """Put it to the model."""
        self._servable, body = handle.id, self._body
        signature = ModelSpec("", signature_name=body.signature_name).signature
        return handlers.predict.start(
            handle, signature, self._inputs, body.output_filter, deadline, record, done
        )

    def encode(self, outcome: dict[str, Array]) -> Reply:
        """JSON, followed by the tensors that the client wants as raw bytes. Raises ``NotExpressible``."""
        document: dict[str, Any] = {
            "model_name": self._servable.name,
            "model_version": str(self._servable.version),
        }
        if self._body.id:
            document["id"] = self._body.id
        raws: list[bytes] = []
        document["outputs"] = [self._describe(name, array, raws) for name, array in outcome.items()]
        text = _write(document)
        if not raws:
            return Reply(text)
        headers = (
            ("Content-Type", "application/octet-stream"),
            ("Inference-Header-Content-Length", str(len(text))),
        )
        return Reply(b"".join([text, *raws]), headers=headers)

    def _describe(self, name: str, array: Array, raws: list[bytes]) -> dict[str, Any]:
        """One output; its bytes go to the end of ``raws`` if it is wanted as such."""
        dtype = DataType.of(array.dtype)
        told = {"name": name, "datatype": datatype(name, dtype), "shape": array.shape}
        if self._body.as_raw(name):
            raws.append(encode_raw(array))
            return told | {"parameters": {"binary_data_size": len(raws[-1])}}
        return told | {"data": (array.astype(np.float32) if dtype in SIXTEEN_BIT_FLOATS else array).ravel()}


def _write(document: dict[str, Any]) -> bytes:
    """The JSON; quickly, unless strings, NaN or infinities are to be written."""
    try:
        text = orjson.dumps(document, option=orjson.OPT_SERIALIZE_NUMPY)
    except orjson.JSONEncodeError:
        text = b"null"
    if b"null" not in text:
        return text
    written = json.dumps(document, default=plain_values, ensure_ascii=False, separators=(",", ":"))
    return written.encode(errors="surrogateescape")
