"""What the tabs of a panel share: a server, and the latest look at it."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

import traitlets

from workbench.batching import BatchingState
from workbench.statistics import Statistics
from workbench.traffic import TrafficState
from workbench.versions import VersionStatus
from workbench.widgets.refresher import Refresher

if TYPE_CHECKING:
    from workbench.server import Server


@dataclass(frozen=True, slots=True)
class Snapshot:
    """One look at a server and at one of its models."""

    status: str
    models: tuple[str, ...]
    model: str
    versions: tuple[VersionStatus, ...]
    batching: BatchingState
    statistics: Statistics
    traffic: TrafficState

    @property
    def live(self) -> int | None:
        """The version that answers requests which name none."""
        return next((version.version for version in self.versions if version.live), None)


def take_snapshot(server: Server, model: str = "") -> Snapshot:
    """Looks once. An unknown ``model`` stands for the server's first."""
    models = server.models
    chosen = model if model in models else models[0]
    versions, batching = server.versions(chosen), server.batching(chosen)
    statistics, traffic = server.statistics(chosen), server.traffic(chosen)
    return Snapshot(server.status, models, chosen, versions, batching, statistics, traffic)


class Session(traitlets.HasTraits):
    """Holds the server that a panel is about and looks at it once a second.

    The traits change on the refresher's thread; observers may set traits there and do nothing else.
    """

    server = traitlets.Any(None, allow_none=True, help="a Server, or None")
    model = traitlets.Unicode("", help="the model to look at; the server's first when empty")
    snapshot = traitlets.Any(None, allow_none=True, help="a Snapshot, or None while there is nothing to see")
    problem = traitlets.Unicode("", help="why the latest look failed")
    ended = traitlets.Any(
        None, allow_none=True, help="the latest Server that ended without being asked to here"
    )
    activity = traitlets.Unicode("", help="what is being done to the server at the moment")
    folder = traitlets.Unicode("", help="where the latest export of this panel went")
    looked_at = traitlets.Float(0.0, help="when the latest look succeeded, in seconds since the epoch")

    def __init__(self, server: Server | None = None, *, period: float = 1.0) -> None:
        super().__init__(server=server)
        self.refresher = Refresher(self._look, self._failed, period=period)
        self.observe(lambda _: self.refresher.nudge(), ["server", "model"])
        self.refresher.start()

    def _look(self) -> None:
        server: Server | None = self.server
        gone = server is not None and server.status == "stopped"
        snapshot = None if server is None or gone else take_snapshot(server, self.model)
        if self.server is not server:
            return
        if gone and not self.activity:
            self.ended, self.server = server, None
        self.snapshot = snapshot
        self.problem = ""
        self.looked_at = time.time()

    def _failed(self, error: Exception) -> None:
        self.problem = str(error)
