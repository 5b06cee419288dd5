"""Which models' requests are logged now, and the loggers that do it."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Mapping
from functools import partial
from random import random
from typing import Protocol

from tensorflow_serving.apis.prediction_log_pb2 import PredictionLog

from kernel_server.config.request_logging import RequestLogging
from kernel_server.errors import InvalidArgument
from kernel_server.request_logging.collectors import Collector, make_collector
from kernel_server.request_logging.redaction import redact
from kernel_server.request_logging.writer import Writer

_log = logging.getLogger(__name__)

OK, QUEUE_FULL, NOT_WRITTEN = "OK", "RESOURCE_EXHAUSTED", "UNAVAILABLE"
"""What becomes of a sampled request, as a status code."""

Count = Callable[[str, str], None]
"""Told the model and the status code of every sampled request, on any thread."""


class Answered(Protocol):
    """A request that was answered."""

    @property
    def model(self) -> str:
        """The name of the model."""

    @property
    def size(self) -> int:
        """Bytes of memory that it keeps."""

    def message(self) -> PredictionLog:
        """The log, without metadata but for its model spec. Runs on the writer's thread."""


class RequestLogger:
    """Logs a share of the requests by one configuration; models with equal ones have it in common."""

    def __init__(
        self, config: RequestLogging, collector: Collector, rate: float, server: RequestLogs
    ) -> None:
        self._config = config
        self._collector = collector
        self._rate = rate
        self._server = server
        self._failing = self._closed = False

    def samples(self) -> bool:
        """Whether to log this request."""
        return random() < self._rate

    def log(self, request: Answered) -> None:
        """Have ``request`` written; event-loop thread."""
        write = partial(self._write, request, int(time.time()))
        if not self._server.writer.offer(write, request.size):
            self._server.count(request.model, QUEUE_FULL)

    def retire(self) -> None:
        """Close the collector when all that was logged before is written."""
        self._server.writer.offer(self._close)

    def _write(self, request: Answered, timestamp: int) -> None:
        """Whatever fails here must not end the thread: it is counted, and told when it begins."""
        if self._closed:  # the configuration was replaced while the request was under way
            self._server.count(request.model, NOT_WRITTEN)
            return
        try:
            self._collector.collect(self._complete(request.message(), timestamp))
        except Exception as error:
            self._server.count(request.model, NOT_WRITTEN)
            if not self._failing:
                _log.exception("Requests cannot be logged to %s: %s", self._config.filename_prefix, error)
            self._failing = True
        else:
            self._server.count(request.model, OK)
            if self._failing:
                _log.info("Requests are logged to %s again", self._config.filename_prefix)
            self._failing = False

    def _complete(self, log: PredictionLog, timestamp: int) -> PredictionLog:
        redact(log, self._config.redacted_inputs, self._config.redacted_outputs)
        metadata = log.log_metadata
        metadata.sampling_config.CopyFrom(self._config.sampling)
        metadata.saved_model_tags.extend(self._server.tags)
        metadata.timestamp_secs = timestamp
        metadata.dc = self._server.dc
        return log

    def _close(self) -> None:
        self._closed = True
        try:
            self._collector.close()
        except Exception:
            _log.exception("The request log at %s could not be closed", self._config.filename_prefix)


class RequestLogs:
    """The loggers of all models; none, and no thread, until some are configured.

    ``dc`` and ``task_index`` are this server's place in a deployment, which may have a sampling rate of its
    own; ``tags`` are those of the graphs that it loads.
    """

    def __init__(
        self,
        count: Count = lambda model, code: None,
        *,
        dc: str = "",
        task_index: int = 0,
        tags: tuple[str, ...] = (),
    ) -> None:
        self.count = count
        self.dc = dc
        self.tags = tags
        self.writer = Writer()
        self.loggers: Mapping[str, RequestLogger] = {}
        self._task_index = task_index
        self._by_config: dict[bytes, RequestLogger] = {}

    def sample(self, model: str) -> RequestLogger | None:
        """Who is to log a request to ``model`` once it is answered, if anybody."""
        logger = self.loggers.get(model)
        return logger if logger is not None and logger.samples() else None

    def prepare(self, configs: Mapping[str, bytes]) -> Callable[[], None]:
        """Check the serialized ``LoggingConfig`` of each model; what this returns puts all in force at once.

        A configuration that was in force already keeps its logger, and its file. Raises ``InvalidArgument``
        naming the model.
        """
        by_config: dict[bytes, RequestLogger] = {}
        for model, config in configs.items():
            try:
                by_config[config] = by_config.get(config) or self._logger(config)
            except InvalidArgument as error:
                raise InvalidArgument(f"logging_config of model {model}: {error.message}") from error
        loggers = {model: by_config[config] for model, config in configs.items()}
        return partial(self._install, loggers, by_config)

    def close(self, timeout: float) -> bool:
        """Write what was logged and close everything; whether that was done in ``timeout`` seconds."""
        self._install({}, {})
        return self.writer.close(timeout)

    def _logger(self, config: bytes) -> RequestLogger:
        if config in self._by_config:
            return self._by_config[config]
        parsed = RequestLogging.from_bytes(config)
        return RequestLogger(
            parsed, make_collector(parsed), parsed.rate(self.dc, self._task_index), server=self
        )

    def _install(self, loggers: dict[str, RequestLogger], by_config: dict[bytes, RequestLogger]) -> None:
        self.loggers, former = loggers, self._by_config
        self._by_config = by_config
        for config in former.keys() - by_config.keys():
            former[config].retire()
