"""The ``ModelSpec`` message as the handlers' :class:`ModelSpec`."""

from __future__ import annotations

from typing import Protocol

from tensorflow_serving.apis import model_pb2

from kernel_server.errors import InvalidArgument
from kernel_server.handlers.model_spec import ModelSpec


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
