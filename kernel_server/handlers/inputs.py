"""Checking a request's named arrays against a signature, in TensorFlow Serving's words.

Source: ``tensorflow_serving/servables/tensorflow/predict_util.cc``. Shapes are not checked, as there:
a graph may take more than its signature declares.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from kernel_server.core.dtypes import DataType
from kernel_server.core.servable import Array
from kernel_server.core.signature import Signature
from kernel_server.errors import InvalidArgument, ServingError


class InputCountMismatch(InvalidArgument):
    """The request has more inputs than the signature, or fewer."""

    def __init__(self, sent: Iterable[str], expected: Iterable[str]) -> None:
        have, want = set(sent), set(expected)
        super().__init__(
            f"input size does not match signature: {len(have)}!={len(want)} len({_set(have)}) != "
            f"len({_set(want)}). Sent extra: {_set(have - want)}. Missing but required: {_set(want - have)}."
        )


class InputMissing(InvalidArgument):
    """An input of the signature is not in the request."""

    def __init__(self, name: str, tensor_name: str, expected: Iterable[str]) -> None:
        names = _set(expected)
        super().__init__(
            f"Signature input alias: {name}(feed name: {tensor_name}) not found in request and no default "
            f"value provided. Inputs expected to be in the request {names}, or default input alias set: {{}}"
        )


class WrongInputType(InvalidArgument):
    """An input has another element type than the signature declares."""

    def __init__(self, index: int, name: str, expected: DataType, sent: DataType) -> None:
        super().__init__(
            f"Expects arg[{index}] to be {expected.label} but {sent.label} is provided: "
            f"convert input '{name}' to {expected.label} before sending it"
        )


class UnknownOutput(InvalidArgument):
    """The output filter names an output that the signature does not have."""

    def __init__(self, name: str, known: Iterable[str]) -> None:
        super().__init__(
            f"output tensor alias not found in signature: {name} "
            f"Outputs expected to be in the set {_set(known)}."
        )


class DuplicateOutput(InvalidArgument):
    """The output filter names an output twice."""

    def __init__(self, name: str) -> None:
        super().__init__(f"duplicate output tensor alias: {name}")


def arrange(signature: Signature, inputs: Mapping[str, Array]) -> list[Array]:
    """The arrays of a request in the order of the signature's inputs, types checked.

    Raises :class:`InputCountMismatch`, :class:`InputMissing` or :class:`WrongInputType`.
    """
    if len(inputs) != len(signature.inputs):
        raise InputCountMismatch(inputs, signature.inputs)
    arrays = []
    for index, (name, spec) in enumerate(signature.inputs.items()):
        array = inputs.get(name)
        if array is None:
            raise InputMissing(name, spec.tensor_name, signature.inputs)
        if array.dtype is not spec.dtype.numpy and array.dtype != spec.dtype.numpy:
            raise WrongInputType(index, name, spec.dtype, DataType.of(array.dtype))
        arrays.append(array)
    return arrays


def check_filter(signature: Signature, names: Sequence[str]) -> None:
    """Raise :class:`UnknownOutput` or :class:`DuplicateOutput` when the filter cannot be met."""
    for index, name in enumerate(names):
        if name not in signature.outputs:
            raise UnknownOutput(name, signature.outputs)
        if name in names[:index]:
            raise DuplicateOutput(name)


def with_declared_shapes(error: ServingError, signature: Signature, arrays: Sequence[Array]) -> ServingError:
    """``error``, with the inputs whose shapes contradict the signature named if the model refused them.

    An operation deep in the graph rarely tells the caller which input was at fault.
    """
    if not isinstance(error, InvalidArgument):
        return error
    faults = [
        f"input '{name}' is declared {spec.dtype.label} {list(spec.shape)}, "
        f"the request sent {list(array.shape)}"
        for (name, spec), array in zip(signature.inputs.items(), arrays, strict=True)
        if spec.shape is not None and not _fits(array.shape, spec.shape)
    ]
    return error.reworded(f"{error.message} ({'; '.join(faults)})") if faults else error


def _fits(shape: Sequence[int], declared: Sequence[int]) -> bool:
    return len(shape) == len(declared) and all(
        want in (-1, have) for have, want in zip(shape, declared, strict=True)
    )


def _set(names: Iterable[str]) -> str:
    return f"{{{','.join(sorted(names))}}}"
