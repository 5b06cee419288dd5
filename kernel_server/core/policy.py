"""Which version of a model to load or unload next. Policies are pure: they look and answer."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from kernel_server.core.state import State


@dataclass(frozen=True, slots=True)
class ManagedVersion:
    """What a policy may know of a version: its state, and whether it should exist at all."""

    version: int
    state: State
    aspired: bool


@dataclass(frozen=True, slots=True)
class Load:
    """Load this version, which is in ``START``."""

    version: int


@dataclass(frozen=True, slots=True)
class Unload:
    """Unload this version, which is ``AVAILABLE`` and no longer aspired."""

    version: int


Action = Load | Unload


class VersionPolicy(Protocol):
    """Chooses one step at a time towards the aspired versions of one model."""

    def next_action(self, versions: Sequence[ManagedVersion]) -> Action | None:
        """The next step for a model with these versions, or ``None`` to wait for a change."""


class AvailabilityPreserving:
    """Never leaves a model without an available version while a newer one loads.

    During a swap both versions are in memory. The last un-aspired version goes only once an aspired
    one answers, or nothing is aspired; so a version that fails to load leaves the old one in place.
    """

    def next_action(self, versions: Sequence[ManagedVersion]) -> Action | None:
        """Unload the lowest version that is safe to lose, else load the highest new one."""
        aspired = [v for v in versions if v.aspired]
        leaving = _leaving(versions)
        replaced = not aspired or any(v.state is State.AVAILABLE for v in aspired)
        if leaving and (replaced or len(leaving) > 1):
            return Unload(min(leaving))
        return _load_highest(versions)


class ResourcePreserving:
    """Never holds an old and a new version in memory together; the model is away during a swap."""

    def next_action(self, versions: Sequence[ManagedVersion]) -> Action | None:
        """Unload what is not aspired, wait until it is gone, then load the highest new version."""
        if leaving := _leaving(versions):
            return Unload(min(leaving))
        if any(not v.aspired and v.state is not State.END for v in versions):
            return None
        return _load_highest(versions)


def _leaving(versions: Sequence[ManagedVersion]) -> list[int]:
    return [v.version for v in versions if not v.aspired and v.state is State.AVAILABLE]


def _load_highest(versions: Sequence[ManagedVersion]) -> Load | None:
    new = [v.version for v in versions if v.aspired and v.state is State.START]
    return Load(max(new)) if new else None
