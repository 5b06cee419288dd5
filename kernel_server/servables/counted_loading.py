"""Counts what loaders of any kind do."""

from __future__ import annotations

from pathlib import Path
from time import perf_counter

from kernel_server.core.loader import Loader, LoaderFactory
from kernel_server.core.servable import Servable, ServableId
from kernel_server.monitoring.loads import Loads


class CountedLoader(Loader):
    """Loads what ``loader`` loads, and counts it."""

    def __init__(self, servable: ServableId, folder: Path, loader: Loader, loads: Loads) -> None:
        self._id = servable
        self._folder = folder
        self._loader = loader
        self._loads = loads

    def resource_estimate(self) -> int:
        """That of the servable: counting needs nothing."""
        return self._loader.resource_estimate()

    def load(self) -> Servable:
        """Load; raises what the loader raises."""
        began, succeeded = perf_counter(), False
        try:
            servable = self._loader.load()
            succeeded = True
        finally:
            self._loads.count(self._id, self._folder, perf_counter() - began, succeeded=succeeded)
        return servable


def with_counted_loading(make: LoaderFactory, loads: Loads) -> LoaderFactory:
    """A factory of loaders that tell ``loads`` what they do."""
    return lambda servable, folder: CountedLoader(servable, folder, make(servable, folder), loads)
