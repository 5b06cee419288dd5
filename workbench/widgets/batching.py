"""The Batching tab: change the parameters while requests flow, and see what they do."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import anywidget
import ipywidgets as widgets
from traitlets import Dict

from workbench.batching import BatchingState
from workbench.widgets import assets
from workbench.widgets.forms import heading, row
from workbench.widgets.knobs import Knobs, from_state
from workbench.widgets.pane import Pane
from workbench.widgets.session import Session, Snapshot
from workbench.widgets.trend import Trend


class LiveStatistics(anywidget.AnyWidget):
    """Rates, queue, batch sizes and reasons for closing, drawn in the browser."""

    _esm = assets.module("live.js")
    _css = assets.style()

    reading: Any = Dict(help="what Trend.reading returns").tag(sync=True)


class BatchingPane(Pane):
    """Edits a copy of the parameters; nothing changes before Apply."""

    def __init__(self, session: Session) -> None:
        self.in_force: BatchingState | None = None
        self.trend = Trend()
        self.knobs = Knobs()
        self.apply_button = self.button("Apply", self.apply, button_style="primary")
        self.revert_button = self.button("Revert", self.revert, tooltip="Show again what is in force")
        self.undo_button = self.button("Undo", self.undo, tooltip="Return to the parameters before")
        self.generation = widgets.HTML()
        self.live = LiveStatistics(reading=self.trend.reading())
        self.knobs.observe(self.guarded(self.redraw), "values")
        buttons = row(self.apply_button, self.revert_button, self.undo_button, self.generation)
        super().__init__(session, self.knobs, buttons, heading("What it does"), self.live)

    def apply(self) -> None:
        """Puts the parameters on display into force."""
        server, model, changes = self.session.server, self.session.snapshot.model, self.knobs.changes()
        self._change("Replacing the parameters …", lambda: server.set_batching(model, **changes))

    def undo(self) -> None:
        """Returns to the parameters before the last Apply."""
        server, model = self.session.server, self.session.snapshot.model
        self._change("Undoing …", lambda: server.undo_batching(model))

    def revert(self) -> None:
        """Shows again what is in force."""
        self.knobs.values = self.knobs.in_force
        self.message.say("")

    def draw(self) -> None:
        """Follows what is in force, and draws what it does."""
        snapshot: Snapshot | None = self.session.snapshot
        if snapshot is None:
            self.in_force, self.knobs.in_force = None, {}
        else:
            self._take_up(snapshot.batching)
            self.trend.add(snapshot)
            self.live.reading = self.trend.reading()
        idle = snapshot is not None and not self.busy
        self.apply_button.disabled = not (idle and self.knobs.edited)
        self.revert_button.disabled = not self.knobs.edited
        self.undo_button.disabled = not idle
        self.generation.value = _generation(self.in_force, self.knobs.edited)

    def _take_up(self, state: BatchingState) -> None:
        """Shows what is in force, unless that would wipe out what the user is about to apply.

        A look that began before a change arrives after it; it is older and does not count.
        """
        known = self.in_force
        if known is not None and known.model == state.model and known.generation >= state.generation:
            return
        edited, values = self.knobs.edited, from_state(state)
        self.in_force = state
        self.knobs.in_force = values
        if not edited:
            self.knobs.values = values

    def _change(self, doing: str, action: Callable[[], BatchingState]) -> None:
        def work() -> str:
            state = action()
            self.knobs.values = from_state(state)
            self._take_up(state)
            return f"Generation {state.generation} is in force. Nothing was reloaded, no request was lost."

        self.start_job(doing, work)


def _generation(state: BatchingState | None, edited: bool) -> str:
    if state is None:
        return ""
    return f"generation <b>{state.generation}</b> in force{', <b>changes not applied</b>' if edited else ''}"
