"""What the tests of reloading look at and wait for."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from kernel_server.config.model_server import ModelServerConfig
from kernel_server.core.manager import Manager
from kernel_server.core.signature import DEFAULT_SIGNATURE
from kernel_server.core.state import State
from kernel_server.handlers.model_spec import ModelSpec
from kernel_server.handlers.models import Models
from kernel_server.handlers.reload import ReloadHandler

POLL_SECONDS = 0.05
PATIENCE = 60.0


@dataclass
class Bench:
    """Real handlers, and short ways to ask them."""

    manager: Manager
    models: Models
    reload: ReloadHandler

    async def apply(self, *configs: object) -> None:
        """Put these ``ModelConfig`` messages in force."""
        proto = ModelServerConfig().to_proto()
        proto.model_config_list.config.extend(configs)
        await self.reload.apply(ModelServerConfig.from_proto(proto))

    def predict(self, name: str, version: int | None = None, label: str | None = None) -> float:
        """What the model makes of 2."""
        with self.models.open(ModelSpec(name, version, label)) as handle:
            run = handle.servable.runner(DEFAULT_SIGNATURE, ["y"])
            return float(run([np.array([2], np.float32)])[0][0])

    def state(self, name: str, version: int) -> State | None:
        """Where a version is in its life."""
        states = {each.id.version: each.state for each in self.manager.monitor.versions(name)}
        return states.get(version)

    async def until(self, condition: Callable[[], bool], what: str) -> None:
        """Return when ``condition`` holds."""
        deadline = time.monotonic() + PATIENCE
        while not condition():
            assert time.monotonic() < deadline, f"not so in time: {what}"
            await asyncio.sleep(0.01)
