"""Finding the signature that a request asks for."""

from __future__ import annotations

from collections.abc import Mapping

from kernel_server.core.servable import Servable
from kernel_server.core.signature import CLASSIFY, PREDICT, REGRESS, Signature, TensorSpec
from kernel_server.errors import FailedPrecondition, Internal

_PREDICTABLE = (PREDICT, CLASSIFY, REGRESS)


class SignatureNotFound(FailedPrecondition):
    """The model has no such signature."""

    def __init__(self, name: str, known: list[str]) -> None:
        super().__init__(
            f'Serving signature key "{name}" not found. Available signatures: {", ".join(known)}.'
        )


class WrongMethodName(Internal):
    """The signature declares a method that Predict does not serve."""

    def __init__(self, method_name: str) -> None:
        super().__init__(
            "Expected prediction signature method_name to be one of "
            f"{{{', '.join(_PREDICTABLE)}}}. Was: {method_name}"
        )


def predict_signature(servable: Servable, name: str, check_method_name: bool) -> Signature:
    """The signature ``name`` of ``servable``, for Predict.

    Raises :class:`SignatureNotFound` or, with the check on, :class:`WrongMethodName`.
    """
    signature = servable.signatures.get(name)
    if signature is None:
        raise SignatureNotFound(name, sorted(servable.signatures))
    if check_method_name and signature.method_name not in _PREDICTABLE:
        raise WrongMethodName(signature.method_name)
    return signature


def describe(signature: Signature) -> str:
    """The signature as one line of ``SignatureDef`` text, for error messages."""
    tensors = _describe_all("inputs", signature.inputs) + _describe_all("outputs", signature.outputs)
    return " ".join([*tensors, f'method_name: "{signature.method_name}"'])


def _describe_all(field: str, specs: Mapping[str, TensorSpec]) -> list[str]:
    return [f'{field} {{ key: "{name}" value {{ {_describe(spec)} }} }}' for name, spec in specs.items()]


def _describe(spec: TensorSpec) -> str:
    if spec.shape is None:
        shape = "unknown_rank: true"
    else:
        shape = " ".join(f"dim {{ size: {size} }}" for size in spec.shape)
    return f'name: "{spec.tensor_name}" dtype: DT_{spec.dtype.name} tensor_shape {{ {shape} }}'
