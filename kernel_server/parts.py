"""What a server is made of, built in the order of dependence."""

from __future__ import annotations

import asyncio
import time
from typing import Any

from kernel_server import memory
from kernel_server.batching.parameters import BatchingParameters
from kernel_server.batching.scheduler import BatchScheduler
from kernel_server.config.batching import batching_parameters, read_batching_parameters
from kernel_server.config.platform import read_session_bundle
from kernel_server.core.loader import LoaderFactory
from kernel_server.core.manager import Manager
from kernel_server.core.servable import ServableId
from kernel_server.core.state import State, VersionState
from kernel_server.handlers import Handlers
from kernel_server.handlers.batching import BatchingHandler
from kernel_server.handlers.drain import DrainHandler
from kernel_server.handlers.example_handler import ExampleHandler
from kernel_server.handlers.metadata import MetadataHandler
from kernel_server.handlers.metrics import MetricsHandler
from kernel_server.handlers.models import Models
from kernel_server.handlers.predict import PredictHandler
from kernel_server.handlers.reload import ReloadHandler
from kernel_server.handlers.statistics import StatisticsHandler
from kernel_server.handlers.status import StatusHandler
from kernel_server.handlers.traffic import TrafficHandler
from kernel_server.isolation.loader import with_isolation
from kernel_server.monitoring.loads import Loads
from kernel_server.monitoring.totals import Totals
from kernel_server.plug_ins import POLICIES, SOURCES, plug_in
from kernel_server.request_logging.request_logs import RequestLogs
from kernel_server.servables.counted_loading import with_counted_loading
from kernel_server.servables.own_batching import with_own_batching
from kernel_server.servables.platforms import Platforms
from kernel_server.servables.warmup import with_warm_up
from kernel_server.settings import Settings
from kernel_server.sources.source import MakeSource
from kernel_server.traffic.mirror import Mirror

DEFAULT_POOL_NAME = "model_server_batch_threads"


class Parts:
    """Everything between the ports and the models; belongs to one event loop.

    ``handlers`` is what the ports need; the rest is kept to be started and stopped.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self.manager = Manager(
            policy=plug_in(POLICIES, "version_policy", settings.version_policy)(),
            num_load_threads=settings.num_load_threads,
            num_unload_threads=settings.num_unload_threads,
            max_num_load_retries=settings.max_num_load_retries,
            load_retry_interval_seconds=max(0.0, settings.load_retry_interval_micros / 1e6),
        )
        self.models = Models(self.manager)
        self.totals = Totals(self.manager.monitor.knows)
        self.loads = Loads()
        self.request_logs = RequestLogs(
            self.totals.add_request_log,
            dc=settings.request_log_dc,
            task_index=settings.request_log_task_index,
            tags=settings.model_tags,
        )
        self.scheduler = BatchScheduler(_batching_parameters(settings), settings.enable_batching, self.totals)
        self.mirror = Mirror(self.manager, self.models.traffic, self._quiet)
        self.handlers = self._build_handlers()
        self._forget_unloaded_versions()

    def start(self) -> None:
        """Begin to load what the handlers are told to, and to unload."""
        self.manager.start()
        self.handlers.reload.source.start()

    def _quiet(self) -> float:
        """For how many seconds no request has come or been under way."""
        return time.monotonic() - self.models.last_request if self.scheduler.idle else 0.0

    async def stop(self, deadline: float) -> bool:
        """Unload the models, end the threads; whether all ended by ``deadline`` (``time.monotonic()``)."""

        def left() -> float:
            return max(0.0, deadline - time.monotonic())

        self.handlers.reload.source.stop()
        idle = self.scheduler.stop(left())
        idle &= self.mirror.stop(left())
        await asyncio.to_thread(self.request_logs.close, left())
        return await asyncio.to_thread(self.manager.stop, left()) and idle

    def _build_handlers(self) -> Handlers:
        settings = self._settings
        options: dict[str, Any] = {
            "check_method_name": settings.enable_signature_method_name_check,
            "request_logs": self.request_logs,
        }
        shared = self.models, self.scheduler, self.mirror
        statistics = StatisticsHandler(self.scheduler)
        make_source: MakeSource = plug_in(SOURCES, "source", settings.source)
        reload = ReloadHandler(
            self.manager,
            self.models,
            Platforms(settings, self._equip),
            lambda emit: make_source(emit, settings),
            allow_labels_for_unavailable=settings.allow_version_labels_for_unavailable_models,
            request_logs=self.request_logs,
        )
        return Handlers(
            predict=PredictHandler(*shared, **options),
            examples=ExampleHandler(*shared, **options),
            metadata=MetadataHandler(self.models),
            status=StatusHandler(self.manager.monitor),
            reload=reload,
            batching=BatchingHandler(self.scheduler, self.manager.monitor),
            traffic=TrafficHandler(self.models.traffic, self.manager.monitor),
            statistics=statistics,
            metrics=MetricsHandler(statistics, self.scheduler, self.totals, self.loads, self.models.traffic),
            totals=self.totals,
            drain=DrainHandler(self.models, self.scheduler),
        )

    def _equip(self, platform: str, make: LoaderFactory) -> LoaderFactory:
        """Have loaders do more than loading."""
        make = with_isolation(make, platform, self._settings)
        make = with_counted_loading(with_warm_up(make, self._settings), self.loads)
        own = self._settings.enable_batching and self._settings.enable_per_model_batching_parameters
        return with_own_batching(make, self.scheduler) if own else make

    def _forget_unloaded_versions(self) -> None:
        loop = asyncio.get_running_loop()

        def forget(servable: ServableId) -> None:
            self.handlers.forget(servable)
            self.scheduler.batchings.forget(servable)
            memory.give_back()

        def listen(state: VersionState) -> None:
            if state.state is not State.END:
                return
            if state.error is None:  # what failed is to be seen
                self.loads.forget(state.id)
            if not loop.is_closed():
                loop.call_soon_threadsafe(forget, state.id)

        self.manager.monitor.add_listener(listen)


def _batching_parameters(settings: Settings) -> BatchingParameters:
    if (platforms := settings.platform_config_file) is not None:
        bundle = read_session_bundle(platforms)
        if bundle.HasField("batching_parameters"):
            return batching_parameters(bundle.batching_parameters, platforms)
    elif settings.batching_parameters_file is not None:
        return read_batching_parameters(settings.batching_parameters_file)
    return BatchingParameters(thread_pool_name=DEFAULT_POOL_NAME)
