"""What is known about every version ever managed, and who wants to hear of changes."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from dataclasses import dataclass
from enum import IntEnum

from kernel_server.core.servable import ServableId
from kernel_server.errors import ServingError

_log = logging.getLogger(__name__)


class State(IntEnum):
    """Where a version is in its life; the numbers are those of ``ModelVersionStatus.State``."""

    UNKNOWN = 0
    START = 10
    LOADING = 20
    AVAILABLE = 30
    UNLOADING = 40
    END = 50


@dataclass(frozen=True, slots=True)
class VersionState:
    """The last known state of a version. ``END`` without an error means it was unloaded."""

    id: ServableId
    state: State
    error: ServingError | None = None


Listener = Callable[[VersionState], None]


class StateMonitor:
    """Remembers the last state of each version, ended ones included. Thread-safe."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._states: dict[str, dict[int, VersionState]] = {}
        self._listeners: tuple[Listener, ...] = ()

    def record(self, state: VersionState) -> None:
        """Replace what is known about a version, wake waiters, then tell the listeners."""
        with self._changed:
            self._states.setdefault(state.id.name, {})[state.id.version] = state
            listeners = self._listeners
            self._changed.notify_all()
        for listener in listeners:
            try:
                listener(state)
            except Exception:
                _log.exception("A listener failed on %s of %s", state.state.name, state.id)

    def add_listener(self, listener: Listener) -> None:
        """Call ``listener`` with every later record, in order for each version.

        It runs on the recording thread, which may hold the manager's lock: return quickly and wait
        for nothing. What it raises is logged.
        """
        with self._changed:
            self._listeners = (*self._listeners, listener)

    def names(self) -> tuple[str, ...]:
        """Every model ever seen, sorted."""
        with self._changed:
            return tuple(sorted(self._states))

    def knows(self, name: str) -> bool:
        """Whether a version of the model was ever seen."""
        with self._changed:
            return name in self._states

    def versions(self, name: str) -> list[VersionState]:
        """Every version of a model ever seen, highest first; empty for an unknown model."""
        with self._changed:
            states = self._states.get(name, {})
            return [states[version] for version in sorted(states, reverse=True)]

    def wait_until(self, predicate: Callable[[], bool], timeout: float | None = None) -> bool:
        """Block until ``predicate`` holds, at most ``timeout`` seconds; return whether it holds.

        It is asked again after each record, and may use this monitor.
        """
        with self._changed:
            return self._changed.wait_for(predicate, timeout)
