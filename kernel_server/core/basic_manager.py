"""Moves versions through their states: loads with retries, lends, unloads after the last handle.

What to load or unload, and when, is decided by :class:`~kernel_server.core.manager.Manager`.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor

from kernel_server import memory
from kernel_server.core.aspired import Aspired
from kernel_server.core.handle import Lender
from kernel_server.core.harness import Harness
from kernel_server.core.servable import Servable
from kernel_server.core.state import State, StateMonitor, VersionState
from kernel_server.errors import Cancelled, Internal, ServingError

_log = logging.getLogger(__name__)


class BasicManager:
    """The versions under management and the threads that load and unload them.

    ``changed`` guards everything but ``lenders`` and is notified of each change: hold it around
    every call. ``lenders`` is replaced and never changed, so it may be read at any time; it holds
    every available version under (model, version) and the highest one under (model, ``None``).
    """

    def __init__(
        self,
        monitor: StateMonitor,
        *,
        max_load_threads: int,
        max_unload_threads: int,
        max_num_load_retries: int,
        load_retry_interval_seconds: float,
    ) -> None:
        self.changed = threading.Condition()
        self.harnesses: dict[str, dict[int, Harness]] = {}
        self.lenders: Mapping[tuple[str, int | None], Lender] = {}
        self._monitor = monitor
        self._max_num_load_retries = max_num_load_retries
        self._load_retry_interval_seconds = max(0.0, load_retry_interval_seconds)
        self._load_threads = ThreadPoolExecutor(max_load_threads, "load")
        self._unload_threads = ThreadPoolExecutor(max_unload_threads, "unload")

    def __iter__(self) -> Iterator[Harness]:
        for versions in self.harnesses.values():
            yield from versions.values()

    def manage(self, item: Aspired) -> None:
        """Take in a new version. One that comes with an error instead of a loader ends at once."""
        harness = Harness(item.id, item.loader)
        self.harnesses.setdefault(item.id.name, {})[item.id.version] = harness
        self._enter(harness, State.START)
        if isinstance(item.loader, ServingError):
            self._end(harness, item.loader)

    def call_off(self, harness: Harness) -> None:
        """Want a version no more. It is gone at once unless loaded or in the hands of a load thread."""
        harness.aspired = False
        if harness.state is State.END:
            self._forget(harness)
        elif harness.state is State.START or harness.retry_at is not None:
            self._end(harness, harness.error)

    def start_load(self, harness: Harness) -> None:
        """Load a version on a load thread."""
        harness.retry_at = None
        self._enter(harness, State.LOADING)
        self._load_threads.submit(self._load, harness)

    def start_unload(self, harness: Harness) -> None:
        """Lend an available version no longer; close it on an unload thread once all handles are back."""
        lender = harness.lender
        assert lender is not None, f"{harness.id} is not available"
        self._enter(harness, State.UNLOADING)
        self._set_lender(harness, None)
        lender.retire(lambda: self._unload_threads.submit(self._close, harness, lender.servable))

    def shut_down(self) -> None:
        """End the threads, after the work they have."""
        self._load_threads.shutdown()
        self._unload_threads.shutdown()

    def _load(self, harness: Harness) -> None:
        started = time.monotonic()
        try:
            with memory.of_a_version():
                servable = harness.load()
        except ServingError as error:
            self._load_failed(harness, error)
        except Exception as error:
            _log.exception("Loading %s raised an unexpected error", harness.id)
            self._load_failed(harness, Internal(f"{type(error).__name__}: {error}"))
        else:
            _log.info("Loaded %s in %.2f s", harness.id, time.monotonic() - started)
            self._loaded(harness, servable)

    def _loaded(self, harness: Harness, servable: Servable) -> None:
        with self.changed:
            harness.error = None
            if harness.aspired:
                self._set_lender(harness, Lender(harness.id, servable))
                self._enter(harness, State.AVAILABLE)
                return
            self._enter(harness, State.UNLOADING)
        self._close(harness, servable, Cancelled("Loading of servable cancelled"))

    def _load_failed(self, harness: Harness, error: ServingError) -> None:
        with self.changed:
            harness.error = error
            harness.failed_loads += 1
            attempts = self._max_num_load_retries + 1
            _log.error("Load %d of %d of %s failed: %s", harness.failed_loads, attempts, harness.id, error)
            if harness.aspired and harness.failed_loads < attempts:
                harness.retry_at = time.monotonic() + self._load_retry_interval_seconds
                self.changed.notify_all()
            else:
                self._end(harness, error)

    def _close(self, harness: Harness, servable: Servable, error: ServingError | None = None) -> None:
        try:
            servable.close()
        except Exception:
            _log.exception("Closing %s failed; its resources may be lost", harness.id)
        with self.changed:
            self._end(harness, error)

    def _set_lender(self, harness: Harness, lender: Lender | None) -> None:
        harness.lender = lender
        lenders: dict[tuple[str, int | None], Lender] = {}
        for each in sorted((h.lender for h in self if h.lender), key=lambda lender: lender.id):
            lenders[each.id.name, each.id.version] = lenders[each.id.name, None] = each
        self.lenders = lenders

    def _enter(self, harness: Harness, state: State, error: ServingError | None = None) -> None:
        harness.state = state
        self._monitor.record(VersionState(harness.id, state, error))
        self.changed.notify_all()

    def _end(self, harness: Harness, error: ServingError | None) -> None:
        harness.error = error
        self._enter(harness, State.END, error)
        if not harness.aspired:
            self._forget(harness)

    def _forget(self, harness: Harness) -> None:
        versions = self.harnesses[harness.id.name]
        del versions[harness.id.version]
        if not versions:
            del self.harnesses[harness.id.name]
