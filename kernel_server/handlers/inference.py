"""Preparing what answers Classify, Regress and the tasks of a MultiInference.

Source: ``tensorflow_serving/servables/tensorflow/{classifier,regressor,multi_inference}.cc``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from kernel_server.core.dtypes import DataType
from kernel_server.core.servable import Array, Runner, Servable
from kernel_server.core.signature import Signature
from kernel_server.errors import InvalidArgument, ServingError
from kernel_server.handlers.classify import Classifications, Classify
from kernel_server.handlers.examples import UnsuitableSignature
from kernel_server.handlers.regress import Regress, Regressions

Result = Classifications | Regressions

METHODS: Mapping[str, Classify | Regress] = {method.method_name: method for method in (Classify(), Regress())}
"""The kinds of inference on examples, by the method name that requests and signatures give."""


class SignatureMissing(UnsuitableSignature):
    """The model has no such signature."""

    def __init__(self, name: str, known: Sequence[str]) -> None:
        super().__init__(
            f"No signature was found with the name: {name}. Available signatures: {', '.join(known)}."
        )


@dataclass(frozen=True, slots=True)
class InferenceTask:
    """One question about the examples of a request; ``signature`` is never empty."""

    model: str
    signature: str
    method_name: str


class InferencePart:
    """The outputs of one signature that answer one task; raises ``UnsuitableSignature``."""

    def __init__(self, signature: Signature, method_name: str, check_method_name: bool) -> None:
        self.signature = signature
        self.method = METHODS[method_name]
        self.outputs = self.method.outputs(signature, check_method_name)


class Inference:
    """One model run that answers all its parts from the same examples.

    ``runner`` takes the vector of examples and answers the outputs of all parts in their order.
    """

    def __init__(self, parts: Sequence[InferencePart], runner: Runner) -> None:
        self.runner = runner
        self.name = ", ".join(part.signature.name for part in parts)
        self.batchable = all(part.signature.obstacle_to_batching is None for part in parts)
        self._parts = parts

    def read(self, outputs: Sequence[Array], examples: int) -> list[Result]:
        """The result of each part, from what the runner answered; raises ``UnsuitableOutput``."""
        left = iter(outputs)
        return [
            part.method.read({name: next(left) for name in part.outputs}, examples) for part in self._parts
        ]

    def named(self, outputs: Sequence[Array]) -> dict[str, Array]:
        """What the runner answered by the names of the outputs, with several parts after their signatures."""
        several = len(self._parts) > 1
        names = [
            f"{part.signature.name}/{name}" if several else name
            for part in self._parts
            for name in part.outputs
        ]
        return dict(zip(names, outputs, strict=True))

    def explain(self, error: ServingError) -> ServingError:
        """``error``; if the model refused the request, with the inputs that are not declared as strings.

        That alone is no fault: a graph may take other types than its signature declares.
        """
        suspects = [
            f"input '{name}' of signature '{part.signature.name}' is declared {spec.dtype.label}"
            for part in self._parts
            for name, spec in part.signature.inputs.items()
            if spec.dtype is not DataType.STRING
        ]
        if not suspects or not isinstance(error, InvalidArgument):
            return error
        return error.reworded(
            f"{error.message} ({'; '.join(suspects)}; examples are strings, so Predict may be what it needs)"
        )


def prepare_inference(servable: Servable, task: InferenceTask, check_method_name: bool) -> Inference:
    """What answers a single task; raises :class:`SignatureMissing` or ``UnsuitableSignature``."""
    signature = servable.signatures.get(task.signature)
    if signature is None:
        raise SignatureMissing(task.signature, sorted(servable.signatures))
    part = InferencePart(signature, task.method_name, check_method_name)
    return Inference([part], servable.runner(signature.name, part.outputs))
