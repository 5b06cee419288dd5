"""The share of a newer version: a slider between one version and the next."""

from __future__ import annotations

from workbench.traffic import TrafficState
from workbench.versions import VersionStatus
from workbench.widgets.knobs import Knobs, slider
from workbench.widgets.session import Snapshot

SHARES = (0, 1, 2, 5, 10, 20, 50, 80, 90, 95, 100)
SHARE = "share"


def _knob(newer: int | None) -> dict[str, object]:
    label = "Newer version" if newer is None else f"Version {newer}"
    return slider(SHARE, label, "percent", "% of the requests that name no version", SHARES)


class Canary(Knobs):
    """Edits the share of the newest available version; the version below it gets the rest."""

    def __init__(self) -> None:
        super().__init__([_knob(None)], "Canary")
        self.versions: tuple[int, int] | None = None
        self._state: TrafficState | None = None

    def weights(self) -> dict[int, float]:
        """What ``Server.set_traffic`` takes, for the share on display."""
        assert self.versions is not None, "there are two versions to divide between"
        older, newer = self.versions
        return {older: 100 - self.values[SHARE], newer: self.values[SHARE]}

    def follow(self, snapshot: Snapshot | None) -> None:
        """Shows what is in force, unless that would wipe out what the user is about to apply."""
        versions = None if snapshot is None else _newest_two(snapshot.versions)
        if versions != self.versions:
            self.versions, self._state = versions, None
            self.knobs = [_knob(versions[1] if versions else None)]
        if snapshot is None or versions is None:
            self.in_force = {}
        else:
            self.take_up(snapshot.traffic)

    def take_up(self, state: TrafficState) -> None:
        """Shows ``state`` unless a later one is known; a look may be older than a change."""
        known = self._state
        if known is not None and known.model == state.model and known.generation > state.generation:
            return
        edited, self._state = self.edited, state
        self.in_force = {SHARE: self._share_of_newer(state)}
        if not edited:
            self.values = self.in_force

    def _share_of_newer(self, state: TrafficState) -> int:
        assert self.versions is not None
        if not state.shares:
            return 100
        return round(100 * state.shares.get(self.versions[1], 0.0))


def _newest_two(statuses: tuple[VersionStatus, ...]) -> tuple[int, int] | None:
    """The newest two available versions, older first; ``statuses`` are highest first."""
    available = [status.version for status in statuses if status.available]
    return (available[1], available[0]) if len(available) > 1 else None
