"""The model configuration file, read at the start and again while it changes."""

from __future__ import annotations

import asyncio
import logging
from pathlib import Path

from kernel_server.config.model_server import ModelServerConfig
from kernel_server.errors import ServingError
from kernel_server.handlers.reload import ReloadHandler

_log = logging.getLogger(__name__)


class ConfigFile:
    """Applies what the file says whenever it says something new."""

    def __init__(self, path: Path, reload: ReloadHandler) -> None:
        self._path = path
        self._reload = reload

    async def watch(self, period: float) -> None:
        """Look every ``period`` seconds; what does not parse or apply is logged, and the old state stays.

        New models are not waited for: whoever mistyped a base path mends it in the file.
        """
        complaint = ""
        while True:
            await asyncio.sleep(period)
            try:
                config = ModelServerConfig.from_text(self._path)
                if config is not None and config != self._reload.config:
                    await self._reload.replace(config)
                complaint = ""
            except ServingError as error:
                if error.message != complaint:
                    _log.error("%s: %s; the configuration in force stays", self._path, error.message)
                complaint = error.message
