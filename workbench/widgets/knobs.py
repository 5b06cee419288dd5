"""Forms of sliders, switches and texts, and the one of the batching parameters."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any
from uuid import uuid4

import anywidget
from traitlets import Dict, List, Unicode

from workbench.batching import BatchingState
from workbench.errors import InvalidSetting
from workbench.widgets import assets

SIZES = (1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024)
WAITS = (0, 100, 200, 500, 1000, 2000, 5000, 10_000, 20_000, 50_000, 100_000)
ENABLED = "enabled"


def slider(name: str, label: str, unit: str, hint: str, options: tuple[int, ...]) -> dict[str, Any]:
    """A control that offers some numbers; others that a value has are offered, too."""
    return {"kind": "slider", "name": name, "label": label, "unit": unit, "hint": hint, "options": options}


def _flag(name: str, label: str, hint: str) -> dict[str, Any]:
    return {"kind": "flag", "name": name, "label": label, "hint": hint}


KNOBS = (
    _flag(ENABLED, "Batching", "off: every request runs alone"),
    slider("max_batch_size", "Largest batch", "rows", "rows in one batch", SIZES),
    slider(
        "batch_timeout_micros", "Longest wait", "microseconds", "µs that a request waits for company", WAITS
    ),
    slider("num_batch_threads", "Threads", "threads", "batches that run at once", tuple(range(1, 17))),
    slider("max_enqueued_batches", "Queue limit", "batches", "waiting batches; more are refused", SIZES),
    {
        "kind": "text",
        "name": "allowed_batch_sizes",
        "label": "Pad batches to",
        "hint": "sizes in rows, comma separated",
        "placeholder": "no padding",
    },
    _flag("pad_variable_length_inputs", "Pad ragged inputs", "different lengths may share a batch"),
    _flag("enable_large_batch_splitting", "Split large requests", "cut what exceeds the largest batch"),
)


class Knobs(anywidget.AnyWidget):
    """Edits ``values``; marks those that differ from ``in_force``."""

    _esm = assets.module("knobs.js")
    _css = assets.style()
    _id = Unicode(help="keeps the labels of two forms on one page apart").tag(sync=True)

    title = Unicode(help="what screen readers call the form").tag(sync=True)
    knobs: Any = List().tag(sync=True)
    values: Any = Dict(help="by name, as from_state makes them").tag(sync=True)
    in_force: Any = Dict(help="the same; empty while unknown").tag(sync=True)

    def __init__(self, knobs: Iterable[dict[str, Any]] = KNOBS, title: str = "Batching parameters") -> None:
        initial = {"slider": 1, "flag": False, "text": ""}
        values = {knob["name"]: initial[knob["kind"]] for knob in knobs}
        super().__init__(_id=f"swb-{uuid4().hex[:8]}", title=title, knobs=list(knobs), values=values)

    @property
    def edited(self) -> bool:
        """Whether something on display is not in force."""
        return bool(self.in_force) and self.values != self.in_force

    def changes(self) -> dict[str, Any]:
        """What ``Server.set_batching`` takes.

        Raises :class:`~workbench.errors.InvalidSetting` for sizes that are no numbers.
        """
        return {**self.values, "allowed_batch_sizes": _sizes(self.values["allowed_batch_sizes"])}


def from_state(state: BatchingState) -> dict[str, Any]:
    """The values that show ``state``."""
    parameters = {name: getattr(state.parameters, name) for name in _PARAMETERS}
    sizes = ", ".join(map(str, state.parameters.allowed_batch_sizes))
    return {ENABLED: state.enabled, **parameters, "allowed_batch_sizes": sizes}


_PARAMETERS = tuple(knob["name"] for knob in KNOBS if knob["name"] != ENABLED)


def _sizes(text: str) -> tuple[int, ...]:
    try:
        return tuple(int(size) for size in text.replace(",", " ").split())
    except ValueError:
        remedy = "write whole numbers, separated by commas"
        raise InvalidSetting("allowed_batch_sizes", text, remedy) from None
