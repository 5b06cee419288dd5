"""MultiInference: several signatures of one model answer the same examples in one run.

Source: ``tensorflow_serving/servables/tensorflow/multi_inference.cc``.
"""

from __future__ import annotations

from collections.abc import Sequence

from kernel_server.core.servable import Servable
from kernel_server.core.signature import Signature
from kernel_server.errors import InvalidArgument, Unimplemented
from kernel_server.handlers.inference import METHODS, Inference, InferencePart, InferenceTask


class InconsistentTasks(InvalidArgument):
    """The tasks of one request do not go together."""


class TaskSignatureMissing(InvalidArgument):
    """The model has no such signature."""

    def __init__(self, name: str, known: Sequence[str]) -> None:
        super().__init__(
            f"Requested signature not found in model graph: {name}. Available signatures: {', '.join(known)}."
        )


class UnsupportedMethod(Unimplemented):
    """A task asks for something else than to classify or to regress."""

    def __init__(self, method_name: str) -> None:
        super().__init__(
            f"Unsupported signature method_name: {method_name}. Supported are {', '.join(METHODS)}."
        )


def prepare_multi_inference(
    servable: Servable, tasks: Sequence[InferenceTask], check_method_name: bool
) -> Inference:
    """What answers all ``tasks`` at once.

    Raises the errors of this module or ``UnsuitableSignature``, for the first task that is at fault.
    """
    parts: dict[str, InferencePart] = {}
    for task in tasks:
        if not task.model:
            raise InconsistentTasks("Found ModelSpec with an empty model name.")
        if task.model != tasks[0].model:
            raise InconsistentTasks(
                "All ModelSpecs in a MultiInferenceRequest must access the same model name. "
                f"Found {tasks[0].model} and {task.model}."
            )
        if task.signature in parts:
            raise InconsistentTasks(f"Duplicate evaluation of signature: {task.signature}")
        signature = _signature(servable, task)
        parts[task.signature] = InferencePart(signature, task.method_name, check_method_name)
    runner = servable.joint_runner({name: part.outputs for name, part in parts.items()})
    return Inference(list(parts.values()), runner)


def _signature(servable: Servable, task: InferenceTask) -> Signature:
    signature = servable.signatures.get(task.signature)
    if signature is None:
        raise TaskSignatureMissing(task.signature, sorted(servable.signatures))
    if task.method_name not in METHODS:
        raise UnsupportedMethod(task.method_name)
    return signature
