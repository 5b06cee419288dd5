"""A version under management, from the moment it is aspired until it is gone."""

from __future__ import annotations

from dataclasses import dataclass

from kernel_server.core.handle import Lender
from kernel_server.core.loader import Loader
from kernel_server.core.policy import ManagedVersion
from kernel_server.core.servable import Servable, ServableId
from kernel_server.core.state import State, VersionState
from kernel_server.errors import ServingError


@dataclass(slots=True, eq=False)
class Harness:
    """One version's loader, state and, once loaded, its lender. Guarded by the manager's lock.

    ``error`` is that of the last load attempt; ``retry_at`` (``time.monotonic``) is set while a
    failed load waits for its next attempt.
    """

    id: ServableId
    loader: Loader | ServingError
    aspired: bool = True
    state: State = State.START
    error: ServingError | None = None
    failed_loads: int = 0
    retry_at: float | None = None
    lender: Lender | None = None

    def load(self) -> Servable:
        """Run the loader, or raise the error that came in its place."""
        if isinstance(self.loader, ServingError):
            raise self.loader
        return self.loader.load()

    @property
    def running_load(self) -> bool:
        """Whether a load thread is at work on it."""
        return self.state is State.LOADING and self.retry_at is None

    @property
    def seen_by_policy(self) -> ManagedVersion:
        """What a version policy may know of it."""
        return ManagedVersion(self.id.version, self.state, self.aspired)

    @property
    def seen_by_waiters(self) -> VersionState:
        """Its state, with the error of the last attempt even while it is to be tried again."""
        return VersionState(self.id, self.state, self.error)
