"""Brings the loaded versions in line with the aspired ones, one step at a time.

One decision thread, woken by every change, starts loads and unloads and waits for neither. Requests
look up a version in an immutable snapshot, so they share no lock with it.
"""

from __future__ import annotations

import logging
import os
import threading
import time
from collections.abc import Iterable, Mapping, Sequence

from kernel_server.core.aspired import Aspired
from kernel_server.core.basic_manager import BasicManager
from kernel_server.core.handle import ServableHandle
from kernel_server.core.harness import Harness
from kernel_server.core.policy import Action, AvailabilityPreserving, Load, Unload, VersionPolicy
from kernel_server.core.state import State, StateMonitor, VersionState
from kernel_server.errors import NotFound

_log = logging.getLogger(__name__)

_STARTUP_LOADS_PER_CPU = 4


class ServableNotFound(NotFound):
    """No version of the model is available, or not the one asked for."""

    def __init__(self, name: str, version: int | None = None) -> None:
        self.name = name
        self.version = version
        request = f"Latest({name})" if version is None else f"Specific({name}, {version})"
        super().__init__(f"Servable not found for request: {request}")


class Manager:
    """Owns every loaded version and lends it to requests. Methods may be called from any thread.

    ``num_load_threads`` and ``num_unload_threads`` bound what runs at once; 0 means one after the
    other. Until the first aspired versions have settled, four loads per CPU may run at once.
    """

    def __init__(
        self,
        monitor: StateMonitor | None = None,
        policy: VersionPolicy | None = None,
        *,
        num_load_threads: int = 0,
        num_unload_threads: int = 0,
        max_num_load_retries: int = 5,
        load_retry_interval_seconds: float = 60.0,
    ) -> None:
        self.monitor = monitor or StateMonitor()
        self._policy = policy or AvailabilityPreserving()
        self._settled_max_loads = max(1, num_load_threads)
        startup_max_loads = max(self._settled_max_loads, _STARTUP_LOADS_PER_CPU * (os.cpu_count() or 1))
        self._max_loads = startup_max_loads
        self._versions = BasicManager(
            self.monitor,
            max_load_threads=startup_max_loads,
            max_unload_threads=max(1, num_unload_threads),
            max_num_load_retries=max_num_load_retries,
            load_retry_interval_seconds=load_retry_interval_seconds,
        )
        self._changed = self._versions.changed
        self._pending: dict[str, dict[int, Aspired]] = {}
        self._stopping = False
        self._thread = threading.Thread(target=self._decide_until_stopped, name="manager", daemon=True)

    def start(self) -> None:
        """Start deciding. A manager runs once: it cannot be started again after :meth:`stop`."""
        self._thread.start()

    def stop(self, timeout: float | None = None) -> bool:
        """Unload everything and end all threads; returns whether that is done.

        Waits for borrowed handles and running loads, at most ``timeout`` seconds; what is still in
        use then is logged and left to the end of the process.
        """
        with self._changed:
            self._stopping = True
            self._pending = {name: {} for name in self._versions.harnesses}
            self._changed.notify_all()
        if self._thread.ident is not None:
            self._thread.join(timeout)
        if self._thread.is_alive():
            with self._changed:
                _log.warning("Stopped while in use: %s", ", ".join(str(h.id) for h in self._versions))
            return False
        self._versions.shut_down()
        return True

    def set_aspired(self, name: str, aspired: Sequence[Aspired]) -> None:
        """Say which versions of the model ``name`` should exist; every other one is to go.

        Returns at once. Saying the same again changes nothing; a version that ended in error is
        tried again only after it was left out. Has no effect once stopped.
        """
        with self._changed:
            if not self._stopping:
                self._pending[name] = {item.id.version: item for item in aspired}
                self._changed.notify_all()

    def handle(self, name: str, version: int | None = None) -> ServableHandle:
        """Borrow a version, by default the highest available one. Never waits for a load or unload.

        Raises :class:`ServableNotFound`.
        """
        # A lender that retired after it was looked up is missing from the current snapshot.
        while (lender := self._versions.lenders.get((name, version))) is not None:
            if (handle := lender.lend()) is not None:
                return handle
        raise ServableNotFound(name, version)

    @property
    def snapshot(self) -> object:
        """Another object as soon as any version comes or goes; the same one while none does."""
        return self._versions.lenders

    def available(self, name: str) -> tuple[int, ...]:
        """The versions of a model that answer requests, highest first."""
        versions = (version for model, version in self._versions.lenders if model == name)
        return tuple(sorted((v for v in versions if v is not None), reverse=True))

    def names(self) -> tuple[str, ...]:
        """The models with at least one available version, sorted."""
        return tuple(sorted(name for name, version in self._versions.lenders if version is None))

    def wait_until_available(
        self, names: Iterable[str], timeout: float | None = None
    ) -> dict[str, VersionState | None]:
        """Block until each model has a version that is available or failed, or the time is over.

        Answers the models without an available version, each with the version that stands in the
        way: in ``END`` with its error; in ``START`` or ``LOADING``, with the error of the last
        attempt if there was one, when the time was too short; or ``None`` when none was aspired.
        Ends early when the manager is stopped.
        """
        names = tuple(names)
        with self._changed:
            self._changed.wait_for(lambda: self._stopping or all(map(self._settled, names)), timeout)
            return {name: self._obstacle(name) for name in names if not self.available(name)}

    def _settled(self, name: str) -> bool:
        states = {h.state for h in self._harnesses(name)}
        return name not in self._pending and bool(states & {State.AVAILABLE, State.END})

    def _obstacle(self, name: str) -> VersionState | None:
        furthest = max(self._harnesses(name), key=lambda h: (h.state, h.id), default=None)
        return furthest.seen_by_waiters if furthest else None

    def _harnesses(self, name: str) -> Iterable[Harness]:
        return self._versions.harnesses.get(name, {}).values()

    def _decide_until_stopped(self) -> None:
        with self._changed:
            while not self._stopping or self._pending or self._versions.harnesses:
                self._end_startup_once_settled()
                if not (self._take_in_pending() or self._take_step()):
                    self._changed.wait(self._seconds_to_next_retry())

    def _take_in_pending(self) -> bool:
        """Take in the aspired versions of one model; whether there were any that need not wait."""
        for name, wanted in self._pending.items():
            if not self._shutting_down(name, wanted):
                del self._pending[name]
                self._take_in(name, wanted)
                return True
        return False

    def _shutting_down(self, name: str, wanted: Mapping[int, Aspired]) -> bool:
        """Whether a wanted version is on its way out, so that its return has to wait."""
        return any(h.state is State.UNLOADING and h.id.version in wanted for h in self._harnesses(name))

    def _take_in(self, name: str, wanted: Mapping[int, Aspired]) -> None:
        """Mark the versions of a model as wanted or not.

        Unlike TensorFlow Serving, a version that was left out and is wanted back before its unload
        began simply stays: rolling back must not hang on the replacement that failed to load.
        """
        present = {harness.id.version: harness for harness in self._harnesses(name)}
        for version, harness in present.items():
            if version in wanted:
                harness.aspired = True
            else:
                self._versions.call_off(harness)
        for version in wanted.keys() - present.keys():
            self._versions.manage(wanted[version])

    def _take_step(self) -> bool:
        """Start one unload, else one load, new or repeated; whether there was one to start."""
        actions = self._actions()
        if unloads := [harness for harness, action in actions if isinstance(action, Unload)]:
            self._versions.start_unload(unloads[0])
            return True
        loads = [harness for harness, action in actions if isinstance(action, Load)] or self._due_retries()
        if loads and self._may_load():
            self._versions.start_load(loads[0])
            return True
        return False

    def _actions(self) -> list[tuple[Harness, Action]]:
        """What the policy wants next for each model."""
        actions = []
        for versions in self._versions.harnesses.values():
            action = self._policy.next_action([h.seen_by_policy for h in versions.values()])
            if action is not None:
                actions.append((versions[action.version], action))
        return actions

    def _due_retries(self) -> list[Harness]:
        now = time.monotonic()
        return [h for h in self._versions if h.retry_at is not None and h.retry_at <= now]

    def _may_load(self) -> bool:
        return sum(h.running_load for h in self._versions) < self._max_loads

    def _seconds_to_next_retry(self) -> float | None:
        times = [h.retry_at for h in self._versions if h.retry_at is not None]
        if not times or not self._may_load():  # a load that ends wakes the thread by itself
            return None
        return max(0.0, min(times) - time.monotonic())

    def _end_startup_once_settled(self) -> None:
        states = {h.state for h in self._versions}
        if states and not states & {State.START, State.LOADING}:
            self._max_loads = self._settled_max_loads
