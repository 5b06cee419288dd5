"""A source whose versions never change."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from kernel_server.sources import Emit


class StaticSource:
    """Emits the given versions of each model once, at :meth:`start`."""

    def __init__(self, emit: Emit, models: Mapping[str, Sequence[tuple[int, Path]]]) -> None:
        self._emit = emit
        self._models = {name: tuple(versions) for name, versions in models.items()}

    def start(self) -> None:
        """Emit the versions of all models."""
        for name, versions in self._models.items():
            self._emit(name, versions)

    def stop(self) -> None:
        """Do nothing: there is no thread to end."""
