"""Loads a version of any kind together with the batching parameters that lie in its folder."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path

from kernel_server.batching.parameters import BatchingParameters
from kernel_server.batching.scheduler import BatchScheduler
from kernel_server.config.batching import PER_MODEL_FILE, read_batching_parameters
from kernel_server.core.loader import Loader, LoaderFactory
from kernel_server.core.servable import Servable, ServableId

Adopt = Callable[[ServableId, BatchingParameters | None], None]
"""Told, on a load thread, what a version brings along before anybody can ask for it."""


class OwnBatchingLoader(Loader):
    """Loads what ``loader`` loads, and has ``adopt`` batch it by its own parameters, if it has any."""

    def __init__(self, servable: ServableId, folder: Path, loader: Loader, adopt: Adopt) -> None:
        self._id = servable
        self._file = folder / PER_MODEL_FILE
        self._loader = loader
        self._adopt = adopt

    def resource_estimate(self) -> int:
        """That of the servable: parameters need nothing."""
        return self._loader.resource_estimate()

    def load(self) -> Servable:
        """Load; raises what the loader raises and, for a bad file, ``InvalidArgument``."""
        parameters = read_batching_parameters(self._file) if self._file.is_file() else None
        servable = self._loader.load()
        try:
            self._adopt(self._id, parameters)
        except BaseException:
            servable.close()
            raise
        return servable


def with_own_batching(make: LoaderFactory, scheduler: BatchScheduler) -> LoaderFactory:
    """A factory of loaders that have ``scheduler`` adopt the parameters of each version, too."""

    async def on_loop(servable: ServableId, parameters: BatchingParameters | None) -> None:
        scheduler.batchings.adopt(servable, parameters)

    def adopt(servable: ServableId, parameters: BatchingParameters | None) -> None:
        asyncio.run_coroutine_threadsafe(on_loop(servable, parameters), scheduler.loop).result()

    return lambda servable, folder: OwnBatchingLoader(servable, folder, make(servable, folder), adopt)
