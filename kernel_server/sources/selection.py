"""Which of the versions found on disk are to be served: ``model_version_policy`` of a model."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Latest:
    """The ``num_versions`` highest versions; 0 counts as 1."""

    num_versions: int = 1

    def select(self, found: Iterable[int]) -> list[int]:
        """The versions to serve, highest first."""
        return sorted(found, reverse=True)[: max(1, self.num_versions)]


@dataclass(frozen=True, slots=True)
class All:
    """Every version."""

    def select(self, found: Iterable[int]) -> list[int]:
        """The versions to serve, highest first."""
        return sorted(found, reverse=True)


@dataclass(frozen=True, slots=True)
class Specific:
    """These versions, as far as they are there."""

    versions: tuple[int, ...]

    def select(self, found: Iterable[int]) -> list[int]:
        """The versions to serve, highest first."""
        return sorted(set(found) & set(self.versions), reverse=True)


Selection = Latest | All | Specific
