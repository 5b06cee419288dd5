"""Applying a model configuration: at the start, from the polled file and by request."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence
from pathlib import Path

from kernel_server.config.model_server import ModelConfig, ModelServerConfig
from kernel_server.core.aspired import Aspired
from kernel_server.core.loader import LoaderFactory
from kernel_server.core.manager import Manager
from kernel_server.core.servable import ServableId
from kernel_server.core.state import State
from kernel_server.core.status_text import ModelsUnavailable
from kernel_server.errors import FailedPrecondition, InvalidArgument
from kernel_server.handlers.models import Models
from kernel_server.request_logging.request_logs import RequestLogs
from kernel_server.servables.platforms import Platforms
from kernel_server.sources import Emit
from kernel_server.sources.file_system import MonitoredModel
from kernel_server.sources.source import Source

_log = logging.getLogger(__name__)

_WAIT_SLICE = 0.2
"""Seconds between two looks whether the caller still waits."""


class LabelOnUnavailableVersion(FailedPrecondition):
    """A label may move only to a version that answers requests now."""

    def __init__(self, model: str, version: int) -> None:
        super().__init__(
            f"Request to assign label to version {version} of model {model}, "
            "which is not currently available for inference"
        )


class PlatformChanged(InvalidArgument):
    """A model keeps its platform for as long as it is configured."""

    def __init__(self, model: str, old: str, new: str) -> None:
        super().__init__(
            f"Illegal to change a model's platform. For model {model} platform was {old} "
            f"and new platform requested is {new}"
        )


class ReloadHandler:
    """Holds the configuration in force; replaces it as a whole or not at all."""

    def __init__(
        self,
        manager: Manager,
        models: Models,
        platforms: Platforms,
        make_source: Callable[[Emit], Source],
        *,
        allow_labels_for_unavailable: bool = False,
        request_logs: RequestLogs | None = None,
    ) -> None:
        self.config = ModelServerConfig()
        self._manager = manager
        self._models = models
        self._platforms = platforms
        self._allow_unavailable = allow_labels_for_unavailable
        self._request_logs = request_logs or RequestLogs()
        self._factories: dict[str, LoaderFactory] = {}
        self._lock = asyncio.Lock()
        self.source = make_source(self._aspire)

    async def apply(self, config: ModelServerConfig) -> None:
        """Put ``config`` in force and wait until the models that are new in it are available.

        Raises ``InvalidArgument`` or ``FailedPrecondition`` before anything has changed, or
        ``ModelsUnavailable`` when a new model could not be loaded: the configuration is in force
        then, and the other models serve.
        """
        first = not self._factories
        new = await self.replace(config)
        await self._wait_until_available(new, "servable(s)" if first else "model(s)")

    async def replace(self, config: ModelServerConfig) -> list[str]:
        """Put ``config`` in force, wait for nothing, and return the names of the models that are new in it.

        Raises ``InvalidArgument`` or ``FailedPrecondition`` before anything has changed.
        """
        async with self._lock:
            return await asyncio.to_thread(self._replace, config)

    def _replace(self, config: ModelServerConfig) -> list[str]:
        self._check(config)
        factories = {
            model.name: self._platforms.require(model.name, model.platform) for model in config.models
        }
        self._check_labels(config.models)
        install_loggers = self._request_logs.prepare(
            {model.name: model.logging for model in config.models if model.logging is not None}
        )
        new = [model.name for model in config.models if model.name not in self._factories]
        self.config, self._factories = config, {**self._factories, **factories}
        self._models.replace_labels({model.name: model.labels for model in config.models})
        install_loggers()
        self.source.replace(
            MonitoredModel(model.name, Path(model.base_path), model.policy) for model in config.models
        )
        self._factories = factories
        return new

    def _check(self, config: ModelServerConfig) -> None:
        config.validate()
        platforms = {model.name: model.platform for model in self.config.models}
        for model in config.models:
            old = platforms.get(model.name, model.platform)
            if old != model.platform:
                raise PlatformChanged(model.name, old, model.platform)

    def _check_labels(self, models: Sequence[ModelConfig]) -> None:
        for model in models:
            available = self._manager.available(model.name)
            for label, version in model.labels.items():
                if version in available:
                    continue
                if not self._may_wait(model.name, label, version):
                    raise LabelOnUnavailableVersion(model.name, version)
                _log.info("Label %s of %s waits for version %d", label, model.name, version)

    def _may_wait(self, model: str, label: str, version: int) -> bool:
        """Whether a label may name a version that is not available.

        Those of a model that is new may, and go on to while the version has not come. TensorFlow Serving
        refuses that, so that a server whose configuration has labels cannot be started again.
        """
        if model not in self._factories:
            return True
        if self._allow_unavailable:
            return self._models.labels(model).get(label, version) == version
        return self._models.labels(model).get(label) == version and self._has_not_come(model, version)

    def _has_not_come(self, model: str, version: int) -> bool:
        states = {state.id.version: state for state in self._manager.monitor.versions(model)}
        found = states.get(version)
        return found is None or found.state < State.AVAILABLE or found.error is not None

    def _aspire(self, name: str, versions: Sequence[tuple[int, Path]]) -> None:
        factory = self._factories[name]
        ids = [(ServableId(name, version), path) for version, path in versions]
        self._manager.set_aspired(name, [Aspired(id_, factory(id_, path)) for id_, path in ids])

    async def _wait_until_available(self, names: Sequence[str], noun: str) -> None:
        while names:
            obstacles = await asyncio.to_thread(self._manager.wait_until_available, names, _WAIT_SLICE)
            ended = {n: s for n, s in obstacles.items() if s is not None and s.state is State.END}
            if ended and len(ended) == len(obstacles):
                raise ModelsUnavailable(ended, noun)
            names = list(obstacles)
