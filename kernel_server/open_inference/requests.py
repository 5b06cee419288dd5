"""What a request says about itself, whichever face it comes through."""

from __future__ import annotations

from collections.abc import Iterable

from kernel_server.errors import InvalidArgument, Unimplemented
from kernel_server.handlers.model_spec import ModelSpec, parse_version

SIGNATURE_NAME = "signature_name"
"""The parameter of a request that names a signature of the model; the protocol knows of one only."""

_CHANGING_MEANING = ("shared_memory_region", "classification")


class NotAText(InvalidArgument):
    """The parameter that names the signature is something else."""

    def __init__(self, value: object) -> None:
        super().__init__(f"parameter '{SIGNATURE_NAME}' must be a string; was {value!r}")


class UnsupportedExtension(Unimplemented):
    """A tensor is asked for, or given, in a way that this server does not offer."""

    def __init__(self, tensor: str, parameter: str) -> None:
        super().__init__(
            f"tensor '{tensor}' has the parameter '{parameter}', which this server does not offer: "
            "send and take whole tensors with the request"
        )


def check_signature(value: object) -> str:
    """The value of the parameter :data:`SIGNATURE_NAME`; raises :class:`NotAText`."""
    if not isinstance(value, str):
        raise NotAText(value)
    return value


def model_spec(name: str, version: str, signature: str = "") -> ModelSpec:
    """The model that a request means: a ``version`` that is no number is a label, an empty one the latest.

    Raises ``InvalidArgument`` for a number that is too large.
    """
    if version.isascii() and version.isdigit():
        return ModelSpec(name, parse_version(version), signature_name=signature)
    return ModelSpec(name, label=version or None, signature_name=signature)


def check_parameters(tensor: str, parameters: Iterable[str]) -> None:
    """Raise :class:`UnsupportedExtension` for parameters that change the meaning; others are ignored."""
    for parameter in parameters:
        if parameter in _CHANGING_MEANING:
            raise UnsupportedExtension(tensor, parameter)
