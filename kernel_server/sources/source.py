"""What the server asks of a source, its own or another package's."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Protocol

from kernel_server.settings import Settings
from kernel_server.sources import Emit
from kernel_server.sources.file_system import MonitoredModel


class Source(Protocol):
    """Says which versions of the configured models should exist. Thread-safe."""

    def start(self) -> None:
        """Look again and again from now on, if it does."""

    def stop(self) -> None:
        """End that; emit nothing afterwards."""

    def replace(self, models: Iterable[MonitoredModel]) -> None:
        """Care for these models and no others; emit nothing for a model means it has no version."""


MakeSource = Callable[[Emit, Settings], Source]
"""What an entry point of ``kernel_server.sources`` names."""
