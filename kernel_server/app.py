"""One server: started from its settings, kept until its end, drained and stopped."""

from __future__ import annotations

import asyncio
import gc
import logging
import os
import signal
import sys
import time
from collections.abc import Coroutine
from typing import Any

import uvloop

from kernel_server import logs
from kernel_server.config.model_server import ModelServerConfig
from kernel_server.config.platform import with_platform_config
from kernel_server.handlers.config_file import ConfigFile
from kernel_server.lifetime import Lifetime, ProcessId
from kernel_server.parts import Parts
from kernel_server.ports import Ports
from kernel_server.process import ServerProcess
from kernel_server.security.token_file import TokenFile
from kernel_server.servables.tensorflow_device import resolve_device
from kernel_server.settings import Settings

_SWITCH_SECONDS = 0.5e-3
"""How long a busy event loop keeps the interpreter from a thread that has a batch to run or answers to tell.

With Python's 5 ms a model with few requests pays them twice while another one is saturated.
"""

_GRACE_SECONDS = 1.0
"""What connections get to end in after the last answer."""

_log = logging.getLogger("kernel_server")


def run(settings: Settings) -> int:
    """Serve until told to stop; return the exit status of the process.

    Raises a ``ServingError`` that says what kept the server from starting.
    """
    logs.to_stderr()
    sys.setswitchinterval(_SWITCH_SECONDS)
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
    """One server from its start to its end; belongs to one event loop."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings = with_platform_config(settings)
        self._token_file = TokenFile(settings.token_file) if settings.token_file else None
        self._tokens = self._token_file.tokens if self._token_file else None
        self._parts = Parts(settings)
        lifetime = Lifetime(
            _owner(settings), settings.owner_timeout_seconds, settings.idle_timeout_seconds, self._last_use
        )
        self.process = ServerProcess(settings, lifetime, resolve_device(settings.device), self._tokens)
        self._ports = Ports(self._parts.handlers, self.process, settings, self._tokens)
        self._background: list[asyncio.Task[None]] = []

    async def start(self) -> None:
        """Load the configured models, then open the ports, then write the state file.

        Raises a ``ServingError`` that says what keeps the server from starting. A model without any
        version yet is waited for.
        """
        self._parts.start()
        self._in_background(self._end_with_lifetime())
        config = ModelServerConfig.from_settings(self.settings)
        loading = asyncio.create_task(self._parts.handlers.reload.apply(config))
        if not await self._stopped_before(loading):
            self._watch_files()
            # What is alive now stays alive: a full collection over TensorFlow's objects stops the loop.
            gc.collect()
            gc.freeze()
            addresses = await self._ports.open()
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
        abandoned = await self._parts.handlers.drain.drain(grace)
        if abandoned:
            _log.warning("%d requests were not answered within %g s", abandoned, grace)
        self.process.withdraw()
        await self._ports.close(_GRACE_SECONDS)
        return await self._parts.stop(deadline)

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

    def _watch_files(self) -> None:
        file, period = self.settings.model_config_file, self.settings.model_config_file_poll_wait_seconds
        if file is not None and period > 0:
            self._in_background(ConfigFile(file, self._parts.handlers.reload).watch(period))
        if self._token_file is not None:
            self._in_background(self._token_file.watch(self.process.refresh))

    def _in_background(self, work: Coroutine[Any, Any, None]) -> None:
        self._background.append(asyncio.create_task(work))

    async def _end_with_lifetime(self) -> None:
        self.request_stop(await self.process.lifetime.over())

    def _last_use(self) -> float:
        in_use = self._parts.scheduler.in_flight or not self.process.ready
        return time.monotonic() if in_use else self._parts.models.last_request


def _owner(settings: Settings) -> ProcessId | None:
    if settings.owner_pid is None:
        return None
    if settings.owner_start_time is None:
        return ProcessId.of(settings.owner_pid)
    return ProcessId(settings.owner_pid, settings.owner_start_time)
