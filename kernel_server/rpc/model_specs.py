"""The ``ModelSpec`` message as the handlers' :class:`ModelSpec`, and back into replies."""

from __future__ import annotations

from functools import lru_cache
from typing import Protocol

from tensorflow_serving.apis import model_pb2

from kernel_server.errors import InvalidArgument
from kernel_server.handlers.model_spec import ModelSpec
from kernel_server.wire_format import delimited, text_field, varint


class MissingModelSpec(InvalidArgument):
    """The request carries no model spec at all."""

    def __init__(self) -> None:
        super().__init__("Missing ModelSpec")


class NamesModel(Protocol):
    """A request message with a ``model_spec``."""

    model_spec: model_pb2.ModelSpec

    def HasField(self, field_name: str) -> bool:  # noqa: N802 - protobuf's name
        """Whether the field is set."""


def from_proto(request: NamesModel) -> ModelSpec:
    """The model spec of a request; raises :class:`MissingModelSpec`."""
    if not request.HasField("model_spec"):
        raise MissingModelSpec
    spec = request.model_spec
    choice = spec.WhichOneof("version_choice")
    return ModelSpec(
        spec.name,
        spec.version.value if choice == "version" else None,
        spec.version_label if choice == "version_label" else None,
        spec.signature_name,
    )


@lru_cache(maxsize=1024)
def encode_spec(field: int, name: str, version: int, signature: str) -> bytes:
    """What answered, as the ``ModelSpec`` in ``field`` of a reply."""
    wrapped = b"\x08" + varint(version) if version else b""
    return delimited(field, text_field(1, name) + delimited(2, wrapped) + text_field(3, signature))
