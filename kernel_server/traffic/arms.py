"""What traffic is given to: versions or labels of a model, each with a weight."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from kernel_server.errors import FailedPrecondition, InvalidArgument

Target = int | str
"""A version, or the label of one."""


class InvalidSplit(InvalidArgument):
    """The arms of a split do not go together."""


class TargetUnavailable(FailedPrecondition):
    """Traffic may be given only to what answers requests now."""

    def __init__(self, model: str, target: Target, available: Sequence[int]) -> None:
        found = ", ".join(map(str, available)) or "none"
        super().__init__(
            f"{described(target).capitalize()} of {model} cannot take traffic, for it is not available. "
            f"Available versions: {found}; load it first."
        )


@dataclass(frozen=True, slots=True)
class Arm:
    """A version or label; its share is that of its weight in the sum of all."""

    target: Target
    weight: float


def check_arms(arms: Sequence[Arm]) -> None:
    """Raise :class:`InvalidSplit` unless the weights of ``arms`` can be turned into shares."""
    for arm in arms:
        if not (math.isfinite(arm.weight) and arm.weight >= 0):
            raise InvalidSplit(
                f"A weight is finite and not negative; {described(arm.target)} has {arm.weight:g}"
            )
    if len({arm.target for arm in arms}) < len(arms):
        raise InvalidSplit("A split names each version and label once")
    if arms and not any(arm.weight for arm in arms):
        raise InvalidSplit("At least one weight of a split must be positive")


def described(target: Target) -> str:
    """``version 2`` or ``label stable``."""
    return f"label {target}" if isinstance(target, str) else f"version {target}"
