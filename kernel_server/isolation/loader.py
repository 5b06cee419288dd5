"""Loads versions into processes of their own, if the settings want that of their model."""

from __future__ import annotations

from functools import partial
from pathlib import Path

from kernel_server.core.loader import Loader, LoaderFactory
from kernel_server.core.servable import Servable, ServableId
from kernel_server.isolation.model_process import ModelProcess
from kernel_server.isolation.servable import IsolatedServable
from kernel_server.settings import Settings

ALL = "all"
"""What to isolate instead of models by name."""


class IsolatedLoader(Loader):
    """Has a process of its own do what ``loader`` would do in this one."""

    def __init__(
        self, servable: ServableId, folder: Path, loader: Loader, platform: str, settings: Settings
    ) -> None:
        self._id = servable
        self._loader = loader
        self._start = partial(ModelProcess, servable, folder, platform, settings)

    def resource_estimate(self) -> int:
        """That of the servable, in whatever process it is."""
        return self._loader.resource_estimate()

    def load(self) -> Servable:
        """Load; raises what the loader raises, or ``ModelProcessEnded`` when loading crashes."""
        process = self._start()
        try:
            signatures = process.load()
        except BaseException:
            process.end()
            raise
        return IsolatedServable(self._id, process, signatures, self._start)


def with_isolation(make: LoaderFactory, platform: str, settings: Settings) -> LoaderFactory:
    """A factory of loaders of ``platform``, each isolated if its model is to be."""
    models = {name.strip() for name in settings.isolated_models.split(",")}

    def make_isolated(servable: ServableId, folder: Path) -> Loader:
        loader = make(servable, folder)
        if models.isdisjoint((ALL, servable.name)):
            return loader
        return IsolatedLoader(servable, folder, loader, platform, settings)

    return make_isolated
