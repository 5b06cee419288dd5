"""The pages that Prometheus scrapes."""

from __future__ import annotations

import logging
from functools import partial

from kernel_server.handlers.metrics import MetricsHandler
from kernel_server.monitoring.exposition import Spelling, write
from kernel_server.rest.aside import aside
from kernel_server.rest.http1.exchange import TEXT, Exchange, Reply

CONVENTIONAL_PATH = "/metrics"
"""Where Prometheus looks unless told otherwise."""

_log = logging.getLogger(__name__)


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

    def answer(self, exchange: Exchange) -> None:
        """Send the metrics of this moment, in the spelling of the path that was asked for."""
        spelling = self._spellings[exchange.path]
        aside(partial(write, self._handler.read(), spelling), partial(_send, exchange, spelling))


def _send(exchange: Exchange, spelling: Spelling, text: str | Exception) -> None:
    if isinstance(text, Exception):
        _log.error("The metrics could not be written", exc_info=text)
        exchange.reply(Reply(b"The metrics could not be written; the server's log tells why.\n", 500, TEXT))
    else:
        exchange.reply(Reply(text.encode(), headers=(("Content-Type", spelling.value),)))
