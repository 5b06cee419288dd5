"""Where logged requests go, and the collectors that are installed."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from importlib.metadata import entry_points

from tensorflow_serving.apis.prediction_log_pb2 import PredictionLog

from kernel_server.config.request_logging import RequestLogging
from kernel_server.errors import InvalidArgument

GROUP = "kernel_server.log_collectors"


class Collector(ABC):
    """Takes logged requests. Its methods run on the writer's thread only; making one costs nothing."""

    @abstractmethod
    def collect(self, log: PredictionLog) -> None:
        """Keep ``log``, now. May raise anything: the log counts as dropped then, and the next one comes."""

    def close(self) -> None:  # noqa: B027 - some have nothing to close
        """Finish what was kept. Nothing follows."""


MakeCollector = Callable[[RequestLogging], Collector]
"""What an entry point of :data:`GROUP` names. Raises ``InvalidArgument`` for what it cannot work with."""


class UnknownCollector(InvalidArgument):
    """No installed package offers such a collector."""

    def __init__(self, type_: str, known: list[str]) -> None:
        super().__init__(
            f"log_collector_config has unknown type '{type_}'. Installed types: {', '.join(known)}"
        )


def make_collector(config: RequestLogging) -> Collector:
    """The collector of the configured type; raises :class:`UnknownCollector` and what it itself raises."""
    installed = {found.name: found for found in entry_points(group=GROUP)}
    if config.collector not in installed:
        raise UnknownCollector(config.collector, sorted(installed))
    make: MakeCollector = installed[config.collector].load()
    return make(config)
