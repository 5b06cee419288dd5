"""The Batching tab: change the parameters while requests flow, and see what they do."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import anywidget
import ipywidgets as widgets
from traitlets import Dict

from workbench.batching import BatchingState
from workbench.errors import InvalidSetting
from workbench.widgets import assets
from workbench.widgets.forms import field, heading, row
from workbench.widgets.pane import Pane
from workbench.widgets.session import Session, Snapshot
from workbench.widgets.trend import Trend

SIZES = (1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024)
TIMEOUTS = (0, 100, 200, 500, 1000, 2000, 5000, 10_000, 20_000, 50_000, 100_000)


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
        self.enabled = field(widgets.Checkbox, "Batch requests", "Off: every request runs alone", value=True)
        self.controls = _controls()
        self.apply_button = self.button("Apply", self.apply, button_style="primary", icon="check")
        self.revert_button = self.button("Revert", self.revert, tooltip="Show again what is in force")
        self.undo_button = self.button(
            "Undo", self.undo, icon="undo", tooltip="Return to the parameters before"
        )
        self.generation = widgets.HTML()
        self.live = LiveStatistics(reading=self.trend.reading())
        for control in (self.enabled, *self.controls.values()):
            control.observe(self.guarded(self.redraw), "value")
        buttons = row(self.apply_button, self.revert_button, self.undo_button, self.generation)
        super().__init__(
            session, self.enabled, *self.controls.values(), buttons, heading("What it does"), self.live
        )

    def apply(self) -> None:
        """Puts the parameters on display into force."""
        server, model = self.session.server, self.session.snapshot.model
        enabled, changes = self.enabled.value, self._changes()
        self._change(
            "Replacing the parameters …", lambda: server.set_batching(model, enabled=enabled, **changes)
        )

    def undo(self) -> None:
        """Returns to the parameters before the last Apply."""
        server, model = self.session.server, self.session.snapshot.model
        self._change("Undoing …", lambda: server.undo_batching(model))

    def revert(self) -> None:
        """Shows what is in force again."""
        if self.in_force is not None:
            self._show(self.in_force)
        self.message.say("")

    def draw(self) -> None:  # noqa: D102
        snapshot: Snapshot | None = self.session.snapshot
        if snapshot is not None:
            self._follow(snapshot)
        edited = self.in_force is not None and self._is_edited(self.in_force)
        idle = snapshot is not None and not self.busy
        self.apply_button.disabled = not (idle and edited)
        self.revert_button.disabled = not edited
        self.undo_button.disabled = not idle
        for control in self.controls.values():
            control.disabled = not self.enabled.value
        self.generation.value = _generation(self.in_force, edited)

    def _follow(self, snapshot: Snapshot) -> None:
        """Takes up what is in force, unless that would wipe out what the user is about to apply."""
        if snapshot.batching != self.in_force:
            edited = self.in_force is not None and self._is_edited(self.in_force)
            self.in_force = snapshot.batching
            if not edited:
                self._show(snapshot.batching)
        self.trend.add(snapshot)
        self.live.reading = self.trend.reading()

    def _change(self, doing: str, action: Callable[[], BatchingState]) -> None:
        def work() -> str:
            self.in_force = state = action()
            self._show(state)
            return f"Generation {state.generation} is in force. Nothing was reloaded, no request was lost."

        self.start_job(doing, work)

    def _show(self, state: BatchingState) -> None:
        self.enabled.value = state.enabled
        for name, control in self.controls.items():
            value = getattr(state.parameters, name)
            if isinstance(control, widgets.SelectionSlider) and value not in control.options:
                control.options = sorted((*control.options, value))
            control.value = ", ".join(map(str, value)) if isinstance(control, widgets.Text) else value

    def _is_edited(self, state: BatchingState) -> bool:
        shown = {name: getattr(state.parameters, name) for name in self.controls}
        try:
            return (self.enabled.value, self._changes()) != (state.enabled, shown)
        except InvalidSetting:
            return True

    def _changes(self) -> dict[str, Any]:
        values = {name: control.value for name, control in self.controls.items()}
        return values | {"allowed_batch_sizes": _sizes(values["allowed_batch_sizes"])}


def _controls() -> dict[str, Any]:
    return {
        "max_batch_size": _choice("Largest batch", "Rows in one batch", SIZES),
        "batch_timeout_micros": _choice("Longest wait, µs", "How long a request waits for company", TIMEOUTS),
        "num_batch_threads": field(
            widgets.IntSlider, "Threads", "Batches that run at once", min=1, max=32, continuous_update=False
        ),
        "max_enqueued_batches": _choice("Queue limit", "Batches that may wait; more are refused", SIZES),
        "allowed_batch_sizes": field(
            widgets.Text, "Pad batches to", "Sizes in rows, comma separated", placeholder="no padding"
        ),
        "pad_variable_length_inputs": field(
            widgets.Checkbox, "Pad ragged inputs", "Let inputs of different lengths share a batch"
        ),
        "enable_large_batch_splitting": field(
            widgets.Checkbox, "Split large requests", "Cut requests that exceed the largest batch"
        ),
    }


def _choice(label: str, tooltip: str, options: Sequence[int]) -> Any:
    return field(widgets.SelectionSlider, label, tooltip, options=options, continuous_update=False)


def _sizes(text: str) -> tuple[int, ...]:
    try:
        return tuple(int(size) for size in text.replace(",", " ").split())
    except ValueError:
        remedy = "write whole numbers, separated by commas"
        raise InvalidSetting("allowed_batch_sizes", text, remedy) from None


def _generation(state: BatchingState | None, edited: bool) -> str:
    if state is None:
        return ""
    return f"generation <b>{state.generation}</b> in force{' · <b>not applied yet</b>' if edited else ''}"
