"""What server and models tell of themselves; the fields are those of the protocol's messages."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from kernel_server import __version__
from kernel_server.core.signature import Signature, TensorSpec
from kernel_server.core.state import State
from kernel_server.handlers import Handlers
from kernel_server.handlers.model_spec import ModelSpec
from kernel_server.handlers.signatures import SignatureNotFound
from kernel_server.open_inference.datatypes import described


@dataclass(frozen=True, slots=True)
class ServerMetadata:
    """The server and the extensions of the protocol that it offers."""

    name: str = "kernel-server"
    version: str = __version__
    extensions: tuple[str, ...] = ("binary_tensor_data", "model_configuration")


@dataclass(frozen=True, slots=True)
class TensorMetadata:
    """An input or output; a free dimension is -1, and so is the only one of an unknown rank."""

    name: str
    datatype: str
    shape: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class ModelMetadata:
    """A model as its signature shows it."""

    name: str
    versions: tuple[str, ...]
    platform: str
    inputs: tuple[TensorMetadata, ...]
    outputs: tuple[TensorMetadata, ...]


@dataclass(frozen=True, slots=True)
class ModelConfig:
    """How a model is served; requests of several rows may have up to ``max_batch_size``, if that is not 0."""

    name: str
    platform: str
    max_batch_size: int


def model_metadata(handlers: Handlers, spec: ModelSpec) -> ModelMetadata:
    """The model that ``spec`` means; raises the errors of ``Models.open`` and ``SignatureNotFound``."""
    name, signature = _find(handlers, spec)
    states = handlers.status.model_status(ModelSpec(name))
    versions = tuple(str(state.id.version) for state in states if state.state is State.AVAILABLE)
    inputs, outputs = _tensors(signature.inputs), _tensors(signature.outputs)
    return ModelMetadata(name, versions, _platform(handlers, name), inputs, outputs)


def model_config(handlers: Handlers, spec: ModelSpec) -> ModelConfig:
    """How the model that ``spec`` means is served; raises what :func:`model_metadata` raises."""
    name, signature = _find(handlers, spec)
    batching = handlers.batching.get(name)
    batched = batching.enabled and signature.obstacle_to_batching is None
    return ModelConfig(name, _platform(handlers, name), batching.parameters.max_batch_size if batched else 0)


def _find(handlers: Handlers, spec: ModelSpec) -> tuple[str, Signature]:
    servable, signatures = handlers.metadata.metadata(spec)
    if spec.signature not in signatures:
        raise SignatureNotFound(spec.signature, sorted(signatures))
    return servable.name, signatures[spec.signature]


def _platform(handlers: Handlers, name: str) -> str:
    return next((model.platform for model in handlers.reload.config.models if model.name == name), "")


def _tensors(specs: Mapping[str, TensorSpec]) -> tuple[TensorMetadata, ...]:
    return tuple(
        TensorMetadata(name, described(spec.dtype), (-1,) if spec.shape is None else spec.shape)
        for name, spec in specs.items()
    )
