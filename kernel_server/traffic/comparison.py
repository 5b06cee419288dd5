"""How far the answers of two versions to the same requests lie apart."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from kernel_server.core.servable import Array
from kernel_server.errors import FailedPrecondition


class Incomparable(FailedPrecondition):
    """The shadow answers something of another form."""

    def __init__(self, output: str, expected: str, found: str) -> None:
        super().__init__(f"Output '{output}' of the shadow is {found} instead of {expected}")


@dataclass(slots=True)
class Difference:
    """One output of any number of answers.

    Numbers differ by at most ``max_abs_difference``. ``disagreements`` of the ``labels`` are not the same: a
    string, an integer or a truth value is one, and so is the place of the largest of several
    floating-point numbers in the last dimension. A single floating-point number has no label.
    """

    labels: int = 0
    disagreements: int = 0
    max_abs_difference: float = 0.0

    def add(self, other: Difference) -> None:
        """Take up a further one."""
        self.labels += other.labels
        self.disagreements += other.disagreements
        self.max_abs_difference = max(self.max_abs_difference, other.max_abs_difference)


def _differences() -> defaultdict[str, Difference]:
    return defaultdict(Difference)


@dataclass(slots=True)
class Comparison:
    """What became of the copies of requests: ``compared``, ``failed`` in the shadow, or ``dropped`` before.

    ``seconds`` is the time that the shadow spent on those that were compared.
    """

    compared: int = 0
    failed: int = 0
    dropped: int = 0
    seconds: float = 0.0
    last_error: str = ""
    outputs: defaultdict[str, Difference] = field(default_factory=_differences)

    def add(self, differences: Mapping[str, Difference], seconds: float) -> None:
        """Count one answer of the shadow."""
        self.compared += 1
        self.seconds += seconds
        for name, difference in differences.items():
            self.outputs[name].add(difference)

    def fail(self, error: str) -> None:
        """Count one request that the shadow could not answer, or not comparably."""
        self.failed += 1
        self.last_error = error


def compare(ours: Mapping[str, Array], theirs: Mapping[str, Array]) -> dict[str, Difference]:
    """The difference of each output of ours; raises :class:`Incomparable`."""
    return {name: _difference(name, array, theirs.get(name)) for name, array in ours.items()}


def _difference(name: str, ours: Array, theirs: Array | None) -> Difference:
    if theirs is None or ours.shape != theirs.shape or _is_text(ours) != _is_text(theirs):
        raise Incomparable(name, _form(ours), "missing" if theirs is None else _form(theirs))
    if _is_text(ours) or _is_discrete(ours):
        furthest = 0.0 if _is_text(ours) else _max_abs_difference(ours, theirs)
        return Difference(ours.size, int(np.count_nonzero(ours != theirs)), furthest)
    furthest = _max_abs_difference(ours, theirs)
    if ours.ndim < 2 or ours.shape[-1] < 2 or np.iscomplexobj(ours):
        return Difference(max_abs_difference=furthest)
    differs = ours.argmax(-1) != theirs.argmax(-1)
    return Difference(differs.size, int(np.count_nonzero(differs)), furthest)


def _max_abs_difference(ours: Array, theirs: Array) -> float:
    """NaN and NaN are the same, NaN and a number infinitely far apart."""
    wide = np.result_type(ours.dtype, theirs.dtype, np.float64)
    a, b = ours.astype(wide), theirs.astype(wide)
    with np.errstate(invalid="ignore"):
        apart = np.where((a == b) | (np.isnan(a) & np.isnan(b)), 0.0, np.abs(a - b))
    return float(np.nan_to_num(apart, nan=np.inf, posinf=np.inf).max(initial=0.0))


def _is_text(array: Array) -> bool:
    return array.dtype.kind in "OSU"


def _is_discrete(array: Array) -> bool:
    return array.dtype.kind in "biu"


def _form(array: Array) -> str:
    return f"{'strings' if _is_text(array) else array.dtype.name} of shape {array.shape}"
