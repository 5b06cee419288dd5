"""The Versions tab: what is on disk and in memory, and which one answers."""

from __future__ import annotations

import time
from collections.abc import Callable
from html import escape
from typing import Any

import anywidget
import ipywidgets as widgets
from traitlets import Bool, List

from workbench.server import Server
from workbench.statistics import Histogram, Statistics
from workbench.versions import VersionStatus
from workbench.widgets import assets
from workbench.widgets.canary import SHARE, Canary
from workbench.widgets.forms import heading, row, visible
from workbench.widgets.pane import Pane
from workbench.widgets.session import Session, Snapshot

SWAP_PERIOD = 0.2


class VersionTable(anywidget.AnyWidget):
    """The versions with a button for each thing that can be done; tells ``on_action`` which was pressed."""

    _esm = assets.module("versions.js")
    _css = assets.style()

    rows: Any = List(help="by column, and actions as pairs of key and label").tag(sync=True)
    busy = Bool(False).tag(sync=True)


class VersionsPane(Pane):
    """Loads, unloads and swaps the versions of the session's model."""

    def __init__(self, session: Session) -> None:
        self.target: int | None = None
        self.table = VersionTable()
        self.table.on_msg(self._on_action)
        self.back_button = self.button(
            "Roll back", self.roll_back, tooltip="Make the next lower version live"
        )
        self.canary = Canary()
        self.canary.observe(self.guarded(self.redraw), "values")
        self.apply_button = self.button("Apply", self.divide, button_style="primary")
        self.traffic = widgets.HTML()
        self.split = widgets.VBox([heading("Canary"), self.canary, row(self.apply_button, self.traffic)])
        self.progress = widgets.IntProgress(max=3, description="Swap", style={"description_width": "50px"})
        self.stage = widgets.HTML()
        self.swap = row(self.progress, self.stage)
        super().__init__(session, self.table, row(self.back_button), self.split, self.swap)

    def make_live(self, version: int) -> None:
        """Serves ``version`` and no other."""
        self._change(version, f"Making version {version} live …", lambda s, m: s.make_live(version, m))

    def load(self, version: int) -> None:
        """Serves ``version`` beside the others."""
        self._change(version, f"Loading version {version} …", lambda s, m: s.load(version, model=m))

    def unload(self, version: int) -> None:
        """Serves ``version`` no longer."""
        self._change(None, f"Unloading version {version} …", lambda s, m: s.unload(version, m))

    def roll_back(self) -> None:
        """Makes the next lower version live."""
        self._change(None, "Rolling back …", lambda s, m: s.roll_back(m))

    def divide(self) -> None:
        """Gives the newer version the share on display."""
        server, model, weights = self.session.server, self.session.snapshot.model, self.canary.weights()

        def work() -> str:
            state = server.set_traffic(weights, model)
            self.canary.values = {SHARE: weights[max(weights)]}
            self.canary.take_up(state)
            return f"From the next request on: {state}."

        self.start_job("Dividing the traffic …", work)

    def _change(self, target: int | None, doing: str, action: Callable[[Server, str], Any]) -> None:
        session, server, model = self.session, self.session.server, self.session.snapshot.model

        def work() -> str:
            usual, session.refresher.period = session.refresher.period, SWAP_PERIOD
            session.refresher.nudge()
            start = time.monotonic()
            try:
                statuses = action(server, model)
            finally:
                self.target, session.refresher.period = None, usual
            return f"{_answering(statuses)} It took {time.monotonic() - start:.1f} s."

        self.target = target
        self.start_job(doing, work)

    def _on_action(self, _: Any, content: dict[str, Any], __: list[bytes]) -> None:
        actions = {"make_live": self.make_live, "load": self.load, "unload": self.unload}
        with self.reporting():
            actions[content["action"]](content["version"])

    def draw(self) -> None:
        """Shows the versions and how far a swap is."""
        snapshot: Snapshot | None = self.session.snapshot
        statuses = () if snapshot is None else snapshot.versions
        self.table.rows = [] if snapshot is None else [_row(status, snapshot) for status in statuses]
        self._draw_canary(snapshot)
        self.table.busy = self.busy
        self.back_button.disabled = self.busy or snapshot is None or not _can_go_back(statuses)
        visible(self.swap, self.busy and self.target is not None)
        if self.target is not None:
            self.progress.value, self.stage.value = swap_stage(self.target, statuses)

    def _draw_canary(self, snapshot: Snapshot | None) -> None:
        self.canary.follow(snapshot)
        visible(self.split, self.canary.versions is not None)
        self.apply_button.disabled = self.busy or not self.canary.edited
        self.traffic.value = "" if snapshot is None else escape(str(snapshot.traffic))


def _row(status: VersionStatus, snapshot: Snapshot) -> dict[str, Any]:
    shares = snapshot.traffic.shares
    return {
        "version": status.version,
        "state": _state(status),
        "live": status.live and not shares,
        "share": f"{100 * shares[status.version]:.3g} %" if status.version in shares else "",
        **_doings(status.version, snapshot.statistics),
        "note": status.error or ("" if status.on_disk else "no longer on disk"),
        "actions": _actions(status, sum(other.available for other in snapshot.versions)),
    }


def _doings(version: int, statistics: Statistics) -> dict[str, str]:
    """Requests, latency and errors of a version since it was loaded; nothing before its first request."""
    signatures = [each for each in statistics.signatures if each.version == version]
    errors = sum(each.failed + each.shed for each in signatures)
    requests = errors + sum(each.succeeded for each in signatures)
    micros = Histogram.sum_of(each.stage_micros["total"] for each in signatures)
    half, most = micros.quantile(0.5) / 1000, micros.quantile(0.99) / 1000
    return {
        "requests": f"{requests:,}" if requests else "",
        "latency": f"{half:.1f} ms, {most:.1f} ms" if micros.count else "",
        "errors": f"{errors:,}" if requests else "",
    }


def _state(status: VersionStatus) -> str:
    if status.failed:
        return "FAILED"
    return "not loaded" if status.state in ("UNKNOWN", "END") else status.state


def _actions(status: VersionStatus, available: int) -> list[tuple[str, str]]:
    """The last available version cannot be unloaded here: the model would answer nobody."""
    make_live = (
        [("make_live", "Make live")] if status.on_disk and not (status.live and available == 1) else []
    )
    if status.available:
        return make_live + ([("unload", "Unload")] if available > 1 else [])
    return make_live + ([("load", "Load")] if status.on_disk and status.settled else [])


def _can_go_back(statuses: tuple[VersionStatus, ...]) -> bool:
    live = next((status.version for status in statuses if status.live), None)
    return live is not None and any(s.on_disk and not s.failed and s.version < live for s in statuses)


def swap_stage(target: int, statuses: tuple[VersionStatus, ...]) -> tuple[int, str]:
    """How far the swap to ``target`` is, from 1 to 3, and in words."""
    state = next((status.state for status in statuses if status.version == target), "UNKNOWN")
    if state != "AVAILABLE":
        return 1, f"version {target} is loading; the present one answers meanwhile"
    leaving = [str(s.version) for s in statuses if s.state == "UNLOADING"]
    return (2, f"version {', '.join(leaving)} finishes its last requests") if leaving else (3, "done")


def _answering(statuses: tuple[VersionStatus, ...]) -> str:
    live = next((status.version for status in statuses if status.live), None)
    return "No version answers now." if live is None else f"Version {live} answers now."
