"""Results of Classify and Regress as replies.

Written as bytes, not as messages: an answer may hold thousands of classes.
"""

from __future__ import annotations

from collections.abc import Iterable

from kernel_server.core.servable import Array, ServableId
from kernel_server.handlers.classify import Classifications
from kernel_server.handlers.inference import InferenceTask, Result
from kernel_server.handlers.regress import Regressions
from kernel_server.rpc.model_specs import encode_spec
from kernel_server.wire_format import delimited

_FLOAT_1, _FLOAT_2 = b"\x0d", b"\x15"
"""Tags of the 32-bit floats that are fields 1 and 2 of their messages."""


def encode_response(servable: ServableId, task: InferenceTask, result: Result) -> bytes:
    """A ClassificationResponse or a RegressionResponse."""
    spec = encode_spec(2, servable.name, servable.version, task.signature)
    return delimited(1, _encode(result)) + spec


def encode_multi_response(
    servable: ServableId, tasks: Iterable[InferenceTask], results: Iterable[Result]
) -> bytes:
    """A MultiInferenceResponse: one InferenceResult for each task."""
    return b"".join(
        delimited(
            1,
            encode_spec(1, servable.name, servable.version, task.signature)
            + delimited(2 if isinstance(result, Classifications) else 3, _encode(result)),
        )
        for task, result in zip(tasks, results, strict=True)
    )


def _encode(result: Result) -> bytes:
    if isinstance(result, Regressions):
        return b"".join([delimited(1, _FLOAT_1 + value) for value in _floats(result.values)])
    labels, scores = result.labels.ravel().tolist(), _floats(result.scores)
    classes = [
        delimited(1, delimited(1, label) + _FLOAT_2 + score)
        for label, score in zip(labels, scores, strict=True)
    ]
    examples, width = result.labels.shape
    return b"".join(
        [delimited(1, b"".join(classes[row * width : (row + 1) * width])) for row in range(examples)]
    )


def _floats(array: Array) -> list[bytes]:
    memory = array.astype("<f4").tobytes()
    return [memory[at : at + 4] for at in range(0, len(memory), 4)]
