"""The requests of a run: encoded before it starts, each with the answers that would be right."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from workbench.errors import InvalidSetting
from workbench.wire.codec import encode_predict

Array = NDArray[Any]
Answers = Mapping[str, Array]


@dataclass(frozen=True, slots=True, eq=False)
class RequestSet:
    """Distinct serialized ``PredictRequest`` messages that a generator cycles through.

    ``expected`` holds, per model version, each output for all examples, first axis as in the inputs.
    Request ``i`` carries the examples from ``i * rows`` on; ``rows`` is 0 when a request is one whole
    example without a batch dimension.
    """

    bodies: tuple[bytes, ...]
    rows: int = 1
    expected: Mapping[int, Answers] = field(default_factory=dict)

    @classmethod
    def from_inputs(
        cls,
        model: str,
        inputs: Mapping[str, Array],
        *,
        rows: int = 1,
        expected: Mapping[int, Answers] | None = None,
        version: int | None = None,
        label: str | None = None,
        signature: str = "",
    ) -> RequestSet:
        """Cut ``inputs`` (first axis: examples, the same number in each) into requests of ``rows`` examples.

        Raises :class:`~workbench.errors.InvalidSetting` when the first axes disagree or are too short.
        """
        expected = expected or {}
        examples = _common_length(inputs, expected)
        count = examples // max(rows, 1) if inputs else 1
        if count == 0:
            raise InvalidSetting("inputs", f"{examples} examples", f"one request needs {max(rows, 1)}")
        bodies = tuple(
            encode_predict(
                model,
                {name: np.asarray(array[part]) for name, array in inputs.items()},
                version=version,
                label=label,
                signature=signature,
            )
            for part in _parts(count, rows)
        )
        return cls(bodies, rows, expected)

    def __len__(self) -> int:
        return len(self.bodies)

    def answers(self, version: int, request: int) -> Answers:
        """What that version should answer to that request."""
        part = _part(request, self.rows)
        return {name: array[part] for name, array in self.expected[version].items()}

    def save(self, path: Path) -> None:
        """Write an ``.npz`` file that :meth:`load` reads in another process."""
        arrays = {
            f"expected/{version}/{name}": _storable(array)
            for version, answers in self.expected.items()
            for name, array in answers.items()
        }
        with path.open("wb") as file:
            np.savez(
                file,
                allow_pickle=False,
                rows=self.rows,
                bodies=np.frombuffer(b"".join(self.bodies), np.uint8),
                ends=np.cumsum([len(body) for body in self.bodies]),
                **arrays,
            )

    @classmethod
    def load(cls, path: Path) -> RequestSet:
        """The set that :meth:`save` wrote; raises ``OSError`` or ``ValueError`` for anything else."""
        expected: dict[int, dict[str, Array]] = {}
        with np.load(path, allow_pickle=False) as stored:
            bodies, ends = stored["bodies"].tobytes(), stored["ends"].tolist()
            for key in stored.files:
                if key.startswith("expected/"):
                    _, version, name = key.split("/", 2)
                    expected.setdefault(int(version), {})[name] = stored[key]
            starts = [0, *ends[:-1]]
            cut = tuple(bodies[start:end] for start, end in zip(starts, ends, strict=True))
            return cls(cut, int(stored["rows"]), expected)


def _storable(array: Array) -> Array:
    """Strings and the small floats of ``ml_dtypes`` in types that need no pickling."""
    match array.dtype.kind:
        case "O" | "U":
            return np.asarray(array, "S")
        case "V":
            return array.astype(np.float32)
    return array


def _parts(count: int, rows: int) -> Iterator[int | slice]:
    return (_part(request, rows) for request in range(count))


def _part(request: int, rows: int) -> int | slice:
    return slice(request * rows, (request + 1) * rows) if rows else request


def _common_length(inputs: Mapping[str, Array], expected: Mapping[int, Answers]) -> int:
    lengths = {f"input '{name}'": _length(array) for name, array in inputs.items()}
    for version, answers in expected.items():
        lengths |= {
            f"output '{name}' of version {version}": _length(array) for name, array in answers.items()
        }
    if len(set(lengths.values())) > 1:
        told = ", ".join(f"{what} has {length}" for what, length in lengths.items())
        raise InvalidSetting("inputs", told, "the first axis must have the same length everywhere")
    return min(lengths.values(), default=0)


def _length(array: Array) -> int:
    return array.shape[0] if array.ndim else 0
