"""The pages that Prometheus scrapes."""

from __future__ import annotations

import asyncio

from aiohttp import hdrs, web

from kernel_server.handlers.metrics import MetricsHandler
from kernel_server.monitoring.exposition import Spelling, write

CONVENTIONAL_PATH = "/metrics"
"""Where Prometheus looks unless told otherwise."""


class Metrics:
    """All metrics: with TensorFlow Serving's names at ``configured_path``, else with conventional ones."""

    def __init__(self, handler: MetricsHandler, configured_path: str | None) -> None:
        self._handler = handler
        self._spellings = {CONVENTIONAL_PATH: Spelling.CONVENTIONAL}
        if configured_path is not None:
            self._spellings[configured_path] = Spelling.TENSORFLOW_SERVING

    def has(self, path: str) -> bool:
        """Whether ``path`` is one of the pages."""
        return path in self._spellings

    async def page(self, path: str) -> web.Response:
        """The metrics of this moment, in the spelling of ``path``."""
        spelling = self._spellings[path]
        text = await asyncio.to_thread(write, self._handler.read(), spelling)
        return web.Response(body=text.encode(), headers={hdrs.CONTENT_TYPE: spelling.value})
