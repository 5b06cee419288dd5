"""Builds the server from its settings, starts it, waits for its end, drains and stops it."""

from __future__ import annotations

import asyncio
import gc
import logging
import os
import signal
import time
from collections.abc import Coroutine
from pathlib import Path
from typing import Any

import uvloop

from kernel_server.batching.parameters import BatchingParameters
from kernel_server.batching.scheduler import BatchScheduler
from kernel_server.config.batching import batching_parameters, read_batching_parameters
from kernel_server.config.model_server import ModelServerConfig
from kernel_server.config.monitoring import read_prometheus_path
from kernel_server.config.platform import read_session_bundle, with_platform_config
from kernel_server.core.loader import LoaderFactory
from kernel_server.core.manager import Manager
from kernel_server.core.servable import ServableId
from kernel_server.core.state import State, VersionState
from kernel_server.handlers import Handlers
from kernel_server.handlers.batching import BatchingHandler
from kernel_server.handlers.config_file import ConfigFile
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
from kernel_server.lifetime import Lifetime, ProcessId
from kernel_server.listening import host_port
from kernel_server.monitoring.loads import Loads
from kernel_server.monitoring.totals import Totals
from kernel_server.plug_ins import POLICIES, SOURCES, plug_in
from kernel_server.process import Addresses, ServerProcess
from kernel_server.request_logging.request_logs import RequestLogs
from kernel_server.rest.server import RestServer
from kernel_server.rpc.server import GrpcServer
from kernel_server.security.tls import server_context
from kernel_server.security.token_file import TokenFile
from kernel_server.servables.counted_loading import with_counted_loading
from kernel_server.servables.own_batching import with_own_batching
from kernel_server.servables.platforms import Platforms
from kernel_server.servables.tensorflow_device import resolve_device
from kernel_server.servables.warmup import with_warm_up
from kernel_server.settings import Port, Settings
from kernel_server.sources.source import MakeSource
from kernel_server.traffic.mirror import Mirror

DEFAULT_POOL_NAME = "model_server_batch_threads"

_log = logging.getLogger("kernel_server")


def run(settings: Settings) -> int:
    """Serve until told to stop; return the exit status of the process.

    Raises a ``ServingError`` that says what kept the server from starting.
    """
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname).1s %(name)s: %(message)s")
    if not uvloop.run(_serve(settings)):
        # Python would wait at its end for the threads, and a model that never returns keeps one for ever.
        os._exit(0)
    return 0


async def _serve(settings: Settings) -> bool:
    """Whether nothing was left behind at the end."""
    app = App(settings)
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, app.request_stop, signal.Signals(number).name)
    try:
        await app.start()
        await app.process.stop_requested.wait()
    finally:
        ended = await app.stop()
    return ended


class App:
    """Every part of one server, built in the order of their dependence; belongs to one event loop."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings = with_platform_config(settings)
        self._token_file = TokenFile(settings.token_file) if settings.token_file else None
        self._tokens = self._token_file.tokens if self._token_file else None
        self._manager = Manager(
            policy=plug_in(POLICIES, "version_policy", settings.version_policy)(),
            num_load_threads=settings.num_load_threads,
            num_unload_threads=settings.num_unload_threads,
            max_num_load_retries=settings.max_num_load_retries,
            load_retry_interval_seconds=max(0.0, settings.load_retry_interval_micros / 1e6),
        )
        self._models = Models(self._manager)
        self._totals = Totals(self._manager.monitor.knows)
        self._loads = Loads()
        self._request_logs = RequestLogs(
            self._totals.add_request_log,
            dc=settings.request_log_dc,
            task_index=settings.request_log_task_index,
            tags=settings.model_tags,
        )
        self._metrics_path = _metrics_path(settings)
        self._scheduler = BatchScheduler(
            _batching_parameters(settings), settings.enable_batching, self._totals
        )
        self._mirror = Mirror(self._manager, self._models.traffic)
        self._handlers = self._build_handlers()
        lifetime = Lifetime(
            _owner(settings), settings.owner_timeout_seconds, settings.idle_timeout_seconds, self._last_use
        )
        self.process = ServerProcess(settings, lifetime, resolve_device(settings.device), self._tokens)
        self._grpc = GrpcServer(self._handlers, self.process, settings, self._tokens)
        self._rest: RestServer | None = None
        self._background: list[asyncio.Task[None]] = []

    async def start(self) -> None:
        """Load the configured models, then open the ports, then write the state file.

        Raises a ``ServingError`` that says what keeps the server from starting. A model without any
        version yet is waited for.
        """
        self._manager.start()
        self._handlers.reload.source.start()
        self._forget_unloaded_versions()
        self._in_background(self._end_with_lifetime())
        config = ModelServerConfig.from_settings(self.settings)
        loading = asyncio.create_task(self._handlers.reload.apply(config))
        if not await self._stopped_before(loading):
            self._watch_files()
            # What is alive now stays alive: a full collection over TensorFlow's objects stops the loop.
            gc.collect()
            gc.freeze()
            addresses = await self._open_ports()
            self.process.announce(addresses, {model.name: model.base_path for model in config.models})
            _log.info("Serving on %s", ", ".join(str(place) for place in addresses if place))

    def request_stop(self, reason: str) -> None:
        """Let the server end in order; ``reason`` goes to the log."""
        _log.info("Stopping: %s", reason)
        self.process.stop_requested.set()

    async def stop(self) -> bool:
        """Answer what is in flight, close the ports, unload the models.

        Returns whether all that was done in the time that the settings give; if not, threads are left.
        """
        grace = self.settings.drain_timeout_seconds
        deadline = time.monotonic() + grace
        for task in self._background:
            task.cancel()
        abandoned = await self._handlers.drain.drain(grace)
        if abandoned:
            _log.warning("%d requests were not answered within %g s", abandoned, grace)
        self.process.withdraw()
        await asyncio.gather(self._grpc.stop(1.0), *([self._rest.stop(1.0)] if self._rest else []))
        self._handlers.reload.source.stop()
        idle = self._scheduler.stop(max(0.0, deadline - time.monotonic()))
        idle &= self._mirror.stop(max(0.0, deadline - time.monotonic()))
        await asyncio.to_thread(self._request_logs.close, max(0.0, deadline - time.monotonic()))
        return await asyncio.to_thread(self._manager.stop, max(0.0, deadline - time.monotonic())) and idle

    def _build_handlers(self) -> Handlers:
        settings = self.settings
        options: dict[str, Any] = {
            "check_method_name": settings.enable_signature_method_name_check,
            "request_logs": self._request_logs,
        }
        shared = self._models, self._scheduler, self._mirror
        statistics = StatisticsHandler(self._scheduler)
        make_source: MakeSource = plug_in(SOURCES, "source", settings.source)
        reload = ReloadHandler(
            self._manager,
            self._models,
            Platforms(settings, self._equip),
            lambda emit: make_source(emit, settings),
            allow_labels_for_unavailable=settings.allow_version_labels_for_unavailable_models,
            request_logs=self._request_logs,
        )
        return Handlers(
            predict=PredictHandler(*shared, **options),
            examples=ExampleHandler(*shared, **options),
            metadata=MetadataHandler(self._models),
            status=StatusHandler(self._manager.monitor),
            reload=reload,
            batching=BatchingHandler(self._scheduler, self._manager.monitor),
            traffic=TrafficHandler(self._models.traffic, self._manager.monitor),
            statistics=statistics,
            metrics=MetricsHandler(
                statistics, self._scheduler, self._totals, self._loads, self._models.traffic
            ),
            totals=self._totals,
            drain=DrainHandler(self._models, self._scheduler),
        )

    def _equip(self, make: LoaderFactory) -> LoaderFactory:
        """Have loaders do more than loading."""
        make = with_counted_loading(with_warm_up(make, self.settings), self._loads)
        own = self.settings.enable_batching and self.settings.enable_per_model_batching_parameters
        return with_own_batching(make, self._scheduler) if own else make

    async def _stopped_before(self, loading: asyncio.Task[None]) -> bool:
        """Whether the server is told to stop while its first models load; raises why they do not."""
        stopping = asyncio.create_task(self.process.stop_requested.wait())
        await asyncio.wait((loading, stopping), return_when=asyncio.FIRST_COMPLETED)
        if stopping.done():
            loading.cancel()
            return True
        stopping.cancel()
        loading.result()
        return False

    async def _open_ports(self) -> Addresses:
        settings = self.settings
        ssl = settings.ssl_config_file
        grpc_address, socket = await self._grpc.start(
            _bindable(settings.port),
            _absolute(settings.grpc_socket_path),
            server_context(ssl, "h2") if ssl else None,
        )
        rest_port = _bindable(settings.rest_api_port)
        if rest_port is None:
            return Addresses(grpc_address, socket)
        self._rest = self._make_rest(rest_port)
        # TensorFlow Serving's REST is never TLS: old set-ups with an ssl_config_file count on plain HTTP.
        tls = server_context(ssl, "http/1.1") if ssl and settings.rest_api_ssl else None
        address = host_port(settings.host, await self._rest.start(tls))
        return Addresses(grpc_address, socket, f"{'https' if tls else 'http'}://{address}")

    def _make_rest(self, port: int) -> RestServer:
        settings = self.settings
        return RestServer(
            self._handlers,
            host=settings.host,
            port=port,
            tokens=self._tokens,
            timeout_seconds=settings.rest_api_timeout_in_ms / 1000,
            cors=settings.rest_api_enable_cors_support,
            is_ready=lambda: not self._handlers.drain.started.is_set(),
            metrics_path=self._metrics_path,
        )

    def _watch_files(self) -> None:
        file, period = self.settings.model_config_file, self.settings.model_config_file_poll_wait_seconds
        if file is not None and period > 0:
            self._in_background(ConfigFile(file, self._handlers.reload).watch(period))
        if self._token_file is not None:
            self._in_background(self._token_file.watch(self.process.refresh))

    def _in_background(self, work: Coroutine[Any, Any, None]) -> None:
        self._background.append(asyncio.create_task(work))

    async def _end_with_lifetime(self) -> None:
        self.request_stop(await self.process.lifetime.over())

    def _last_use(self) -> float:
        in_use = self._scheduler.in_flight or not self.process.ready
        return time.monotonic() if in_use else self._models.last_request

    def _forget_unloaded_versions(self) -> None:
        loop = asyncio.get_running_loop()

        def forget(servable: ServableId) -> None:
            self._handlers.forget(servable)
            self._scheduler.batchings.forget(servable)

        def listen(state: VersionState) -> None:
            if state.state is not State.END:
                return
            if state.error is None:  # what failed is to be seen
                self._loads.forget(state.id)
            if not loop.is_closed():
                loop.call_soon_threadsafe(forget, state.id)

        self._manager.monitor.add_listener(listen)


def _batching_parameters(settings: Settings) -> BatchingParameters:
    if (platforms := settings.platform_config_file) is not None:
        bundle = read_session_bundle(platforms)
        if bundle.HasField("batching_parameters"):
            return batching_parameters(bundle.batching_parameters, platforms)
    elif settings.batching_parameters_file is not None:
        return read_batching_parameters(settings.batching_parameters_file)
    return BatchingParameters(thread_pool_name=DEFAULT_POOL_NAME)


def _metrics_path(settings: Settings) -> str | None:
    file = settings.monitoring_config_file
    return read_prometheus_path(file) if file is not None and settings.rest_api_port else None


def _absolute(path: Path | None) -> Path | None:
    return path.absolute() if path else None


def _bindable(port: Port) -> int | None:
    """The port as ``bind`` takes it: 0 for any, ``None`` for not at all."""
    if port == "auto":
        return 0
    return port or None


def _owner(settings: Settings) -> ProcessId | None:
    if settings.owner_pid is None:
        return None
    if settings.owner_start_time is None:
        return ProcessId.of(settings.owner_pid)
    return ProcessId(settings.owner_pid, settings.owner_start_time)
