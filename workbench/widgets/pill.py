"""The server's state in a word, with the age of that news."""

from __future__ import annotations

from typing import Any

import anywidget
from traitlets import Float, Unicode

from workbench.widgets import assets
from workbench.widgets.session import Session, Snapshot


class Pill(anywidget.AnyWidget):
    """Follows a session for as long as somebody sees it.

    The browser reports each view that appears and goes, so that a panel whose cell was run again stops
    asking the server.
    """

    _esm = assets.module("pill.js")
    _css = assets.style()

    state = Unicode("none", help="none, serving, busy or error").tag(sync=True)
    label = Unicode("no server").tag(sync=True)
    text = Unicode("").tag(sync=True)
    updated = Float(0.0, help="seconds since the epoch").tag(sync=True)
    period = Float(1.0, help="seconds between updates").tag(sync=True)

    def __init__(self, session: Session) -> None:
        self._session = session
        self._views = 0
        super().__init__(period=session.refresher.period, layout={"flex": "1 1 auto"})
        self.on_msg(self._on_view)
        session.observe(lambda _: self._follow(), ["server", "snapshot", "problem", "looked_at", "activity"])
        self._follow()

    def _follow(self) -> None:
        self.state, self.label, self.text = summary(self._session)
        self.updated = self._session.looked_at

    def _on_view(self, _: Any, content: dict[str, str], __: list[bytes]) -> None:
        self._views += {"shown": 1, "hidden": -1}.get(content.get("kind", ""), 0)
        if self._views > 0:
            self._session.refresher.start()
        else:
            self._session.refresher.stop()


def summary(session: Session) -> tuple[str, str, str]:
    """State, label and text for a session."""
    snapshot: Snapshot | None = session.snapshot
    if snapshot is None and session.activity:
        return "busy", "working", session.activity
    if session.problem:
        return "error", "not responding", session.problem
    if session.server is None:
        return "none", "no server", "Start one, or attach to one, on the Server tab."
    if snapshot is None:
        return "busy", "connecting", session.server.name
    return (
        ("serving" if snapshot.status == "serving" else "busy"),
        snapshot.status,
        describe(session, snapshot),
    )


def describe(session: Session, snapshot: Snapshot) -> str:
    """What is served, in one line."""
    live = f"version {snapshot.live}" if snapshot.live is not None else "no version available"
    batching = (
        f"batching generation {snapshot.batching.generation}" if snapshot.batching.enabled else "unbatched"
    )
    return " · ".join([snapshot.model, live, batching, session.server.record.device])
