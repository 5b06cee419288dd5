"""The one set of handlers that every face translates to."""

from __future__ import annotations

from dataclasses import dataclass

from kernel_server.core.servable import ServableId
from kernel_server.handlers.batching import BatchingHandler
from kernel_server.handlers.drain import DrainHandler
from kernel_server.handlers.example_handler import ExampleHandler
from kernel_server.handlers.metadata import MetadataHandler
from kernel_server.handlers.metrics import MetricsHandler
from kernel_server.handlers.predict import PredictHandler
from kernel_server.handlers.reload import ReloadHandler
from kernel_server.handlers.statistics import StatisticsHandler
from kernel_server.handlers.status import StatusHandler
from kernel_server.handlers.traffic import TrafficHandler
from kernel_server.monitoring.totals import Totals


@dataclass(frozen=True, slots=True)
class Handlers:
    """Everything a client may ask of the models; see each handler.

    The faces tell ``totals`` of the calls that no queue sees: those that are refused, or need no run.
    """

    predict: PredictHandler
    examples: ExampleHandler
    metadata: MetadataHandler
    status: StatusHandler
    reload: ReloadHandler
    batching: BatchingHandler
    traffic: TrafficHandler
    statistics: StatisticsHandler
    metrics: MetricsHandler
    totals: Totals
    drain: DrainHandler

    def forget(self, servable_id: ServableId) -> None:
        """Drop what is kept for a version that has been unloaded."""
        self.predict.forget(servable_id)
        self.examples.forget(servable_id)
        self.traffic.forget(servable_id)
