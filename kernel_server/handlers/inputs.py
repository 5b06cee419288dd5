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
    """An input of the signature is not in the request and has no default."""

    def __init__(self, name: str, tensor_name: str, sent: Iterable[str], defaults: Iterable[str]) -> None:
        super().__init__(
            f"Signature input alias: {name}(feed name: {tensor_name}) not found in request and no default "
            f"value provided. Inputs expected to be in the request {_set(sent)}, "
            f"or default input alias set: {_names(defaults)}"
        )


class InputNotUsed(InvalidArgument):
    """The signature is satisfied, but the request has an input that it does not know."""

    def __init__(self, used: Iterable[str], sent: Iterable[str]) -> None:
        super().__init__(
            f"Inputs contains invalid name. Used request inputs: {_names(used)}, "
            f"request input: {_names(sent)}"
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
    """The arrays of a request, or their defaults, in the order of the signature's inputs.

    Each is asked of ``inputs`` only when its turn has come. Raises :class:`InputCountMismatch`,
    :class:`InputMissing` or :class:`InputNotUsed`, and what ``inputs`` raises.
    """
    specs, defaults = signature.inputs, signature.defaults
    if len(inputs) != len(specs) and (len(inputs) > len(specs) or not defaults):
        raise InputCountMismatch(inputs, specs)
    arrays = []
    for name, spec in specs.items():
        try:
            arrays.append(inputs[name])
        except KeyError:
            if name not in defaults:
                raise InputMissing(name, spec.tensor_name, inputs, defaults) from None
            arrays.append(defaults[name])
    if defaults and not specs.keys() >= set(inputs):
        raise InputNotUsed(specs.keys() & set(inputs), inputs)
    return arrays


def check_types(signature: Signature, arrays: Sequence[Array]) -> None:
    """Raise :class:`WrongInputType` for the first array whose element type is not the declared one."""
    for index, ((name, spec), array) in enumerate(zip(signature.inputs.items(), arrays, strict=True)):
        if array.dtype != spec.dtype.numpy:
            raise WrongInputType(index, name, spec.dtype, DataType.of(array.dtype))


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
    return f"{{{_names(names)}}}"


def _names(names: Iterable[str]) -> str:
    return ",".join(sorted(names))
