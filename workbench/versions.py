"""The state of one version of a model."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

STATES = {10: "START", 20: "LOADING", 30: "AVAILABLE", 40: "UNLOADING", 50: "END"}
"""TensorFlow Serving's names by number. Source: ``tensorflow_serving/apis/get_model_status.proto``."""


@dataclass(frozen=True, slots=True)
class VersionStatus:
    """One version as the server sees it, and as the disk does where that is known."""

    version: int

    state: str
    """``START``, ``LOADING``, ``AVAILABLE``, ``UNLOADING``, ``END``; ``UNKNOWN`` when never loaded."""

    error: str | None = None
    """Why it ended, when it failed to load."""

    on_disk: bool | None = None
    """Whether its folder exists; ``None`` when only the server was asked."""

    live: bool = False
    """Whether it answers requests that name no version: the highest one available."""

    @property
    def available(self) -> bool:
        """Whether it answers requests."""
        return self.state == "AVAILABLE"

    @property
    def failed(self) -> bool:
        """Whether loading it ended in an error."""
        return self.state == "END" and self.error is not None

    @property
    def settled(self) -> bool:
        """Whether nothing is under way."""
        return self.state in ("AVAILABLE", "END", "UNKNOWN")


def mark_live(statuses: Iterable[VersionStatus]) -> tuple[VersionStatus, ...]:
    """The same, highest version first, with the live one marked."""
    ordered = sorted(statuses, key=lambda status: status.version, reverse=True)
    live = next((status.version for status in ordered if status.available), None)
    return tuple(replace(status, live=status.version == live) for status in ordered)
