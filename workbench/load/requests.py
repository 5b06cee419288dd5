"""The requests of a run: encoded before it starts, each with the answers that would be right."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from workbench.errors import InvalidSetting
from workbench.wire.codec import encode_predict

Array = NDArray[Any]
Answers = Mapping[str, Array]

_EXPECTED = "expected/"


@dataclass(frozen=True, slots=True, eq=False)
class RequestSet:
    """Distinct serialized ``PredictRequest`` messages that a generator cycles through.

    ``expected`` holds, per model version and output, what each request should be answered: the first
    axis counts requests.
    """

    bodies: tuple[bytes, ...]
    expected: Mapping[int, Answers] = field(default_factory=dict)

    @classmethod
    def encode(
        cls,
        model: str,
        inputs: Mapping[str, Array],
        *,
        rows: int = 1,
        expected: Mapping[int, Answers] | None = None,
        version: int | None = None,
        signature: str = "",
    ) -> RequestSet:
        """Cut ``inputs`` and ``expected`` (first axis: examples) into requests of ``rows`` examples.

        With ``rows=0`` each example is a whole request, without a batch dimension. Examples that do not
        fill a request are left out. Raises :class:`~workbench.errors.InvalidSetting` when there are not
        enough, or not the same number everywhere.
        """
        answers = expected or {}
        count = _examples(inputs, answers) // max(rows, 1) if inputs else 1
        if not count:
            raise InvalidSetting("inputs", ", ".join(inputs), f"one request needs {max(rows, 1)} examples")
        cut = {name: _cut(array, count, rows) for name, array in inputs.items()}
        bodies = tuple(
            encode_predict(
                model,
                {name: np.asarray(parts[request]) for name, parts in cut.items()},
                version=version,
                signature=signature,
            )
            for request in range(count)
        )
        return cls(
            bodies,
            {
                version: {name: _cut(array, count, rows) for name, array in outputs.items()}
                for version, outputs in answers.items()
            },
        )

    def answers(self, version: int, request: int) -> Answers:
        """What that version should answer to that request."""
        return {name: array[request] for name, array in self.expected[version].items()}

    def save(self, path: Path) -> None:
        """Write an ``.npz`` file that :meth:`load` reads in another process."""
        arrays = {
            f"{_EXPECTED}{version}/{name}": _storable(array)
            for version, answers in self.expected.items()
            for name, array in answers.items()
        }
        arrays["bodies"] = np.frombuffer(b"".join(self.bodies), np.uint8)
        arrays["ends"] = np.cumsum([len(body) for body in self.bodies])
        with path.open("wb") as file:
            np.savez(file, allow_pickle=False, **arrays)

    @classmethod
    def load(cls, path: Path) -> RequestSet:
        """The set that :meth:`save` wrote; raises ``OSError`` or ``ValueError`` for anything else."""
        expected: dict[int, dict[str, Array]] = {}
        with np.load(path, allow_pickle=False) as stored:
            bodies, ends = stored["bodies"].tobytes(), stored["ends"].tolist()
            for key in stored.files:
                if key.startswith(_EXPECTED):
                    version, name = key.removeprefix(_EXPECTED).split("/", 1)
                    expected.setdefault(int(version), {})[name] = stored[key]
        starts = [0, *ends[:-1]]
        return cls(tuple(bodies[start:end] for start, end in zip(starts, ends, strict=True)), expected)


def _cut(array: Array, count: int, rows: int) -> Array:
    """One element per request: of ``rows`` examples, or the example itself."""
    return array[: count * rows].reshape(count, rows, *array.shape[1:]) if rows else array


def _storable(array: Array) -> Array:
    """Strings and the small floats of ``ml_dtypes`` in types that need no pickling."""
    match array.dtype.kind:
        case "O" | "U":
            return np.asarray(array, "S")
        case "V":
            return array.astype(np.float32)
    return array


def _examples(inputs: Mapping[str, Array], expected: Mapping[int, Answers]) -> int:
    lengths = {f"input '{name}'": _length(array) for name, array in inputs.items()}
    for version, answers in expected.items():
        for name, array in answers.items():
            lengths[f"output '{name}' of version {version}"] = _length(array)
    if len(set(lengths.values())) > 1:
        told = ", ".join(f"{what} has {length}" for what, length in lengths.items())
        raise InvalidSetting("inputs", told, "the first axis must have the same length everywhere")
    return next(iter(lengths.values()))


def _length(array: Array) -> int:
    return array.shape[0] if array.ndim else 0
