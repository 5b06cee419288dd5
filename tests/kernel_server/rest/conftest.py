"""A real REST server on a free port over real handlers; only the models are small."""

import asyncio
from collections.abc import AsyncIterator, Callable
from functools import partial
from threading import Event
from typing import Any

import httpx
import pytest
import uvloop
from small_models import Ready, Serving, Start, half_plus
from small_service import Place, small_service

from kernel_server.batching.parameters import BatchingParameters
from kernel_server.batching.scheduler import BatchScheduler
from kernel_server.core.aspired import Aspired
from kernel_server.core.manager import Manager
from kernel_server.core.servable import ServableId
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
from kernel_server.monitoring.loads import Loads
from kernel_server.monitoring.totals import Totals
from kernel_server.rest.server import RestServer
from kernel_server.servables.platforms import Platforms
from kernel_server.settings import Settings
from kernel_server.sources.file_system import FileSystemSource
from kernel_server.traffic.mirror import Mirror
from kernel_server.turns import Turns


def pytest_asyncio_loop_factories() -> dict[str, Callable[[], asyncio.AbstractEventLoop]]:
    """The event loop that servers run on; asyncio's own ends connections in other ways."""
    return {"uvloop": uvloop.new_event_loop}


@pytest.fixture
async def serving() -> AsyncIterator[Serving]:
    """Handlers over model ``half``, versions 1 (x/2+1) and 2 (x/2+2, labelled ``stable``)."""
    manager, stuck = Manager(), Event()
    totals = Totals(manager.monitor.knows)
    scheduler = BatchScheduler(BatchingParameters(max_batch_size=1000, num_batch_threads=2), totals=totals)
    models, statistics = Models(manager), StatisticsHandler(scheduler)
    mirror = Mirror(manager, models.traffic, lambda: 0.0)
    handlers = Handlers(
        predict=PredictHandler(models, scheduler, mirror),
        examples=ExampleHandler(models, scheduler, mirror),
        metadata=MetadataHandler(models),
        status=StatusHandler(manager.monitor),
        reload=ReloadHandler(
            manager, models, Platforms(Settings()), partial(FileSystemSource, poll_seconds=1.0)
        ),
        batching=BatchingHandler(scheduler, manager.monitor),
        traffic=TrafficHandler(models.traffic, manager.monitor),
        statistics=statistics,
        metrics=MetricsHandler(statistics, scheduler, totals, Loads(), models.traffic),
        totals=totals,
        drain=DrainHandler(models, scheduler),
    )
    manager.start()
    ids = [ServableId("half", version) for version in (1, 2)]
    manager.set_aspired("half", [Aspired(id_, Ready(half_plus(id_.version, stuck))) for id_ in ids])
    models.replace_labels({"half": {"stable": 2}})
    everything = lambda: len(manager.available("half")) == len(ids)  # noqa: E731
    assert await asyncio.to_thread(manager.monitor.wait_until, everything, 10)
    yield Serving(handlers, stuck)
    stuck.set()
    await scheduler.drain(10)
    scheduler.stop()
    assert mirror.stop(10)
    await asyncio.to_thread(manager.stop, 10)


@pytest.fixture
async def start(serving: Serving) -> AsyncIterator[Start]:
    """Starts a server with the given options and returns a client of it."""
    running: list[tuple[RestServer, httpx.AsyncClient]] = []

    async def _start(**options: Any) -> httpx.AsyncClient:
        server = RestServer(serving.handlers, turns=Turns(), host="127.0.0.1", port=0, **options)
        client = httpx.AsyncClient(base_url=f"http://127.0.0.1:{await server.start()}", timeout=30)
        running.append((server, client))
        return client

    yield _start
    for server, client in running:
        await client.aclose()
        await server.stop()


@pytest.fixture
async def client(start: Start) -> httpx.AsyncClient:
    """A client of a server with default options."""
    return await start()


@pytest.fixture
async def place() -> AsyncIterator[Place]:
    """Our HTTP/1.1 before a small service."""
    async with small_service() as found:
        yield found
