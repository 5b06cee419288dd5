"""The Curve tab: measure throughput against latency and watch the curve grow."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import anywidget
import ipywidgets as widgets
from traitlets import Float, List, Unicode

from workbench.configuration import Batching
from workbench.errors import InvalidSetting
from workbench.load import Progress
from workbench.points import Point
from workbench.results import Curve
from workbench.sweeps import sweep
from workbench.widgets import assets
from workbench.widgets.forms import field, hinted, row, visible
from workbench.widgets.pane import Pane
from workbench.widgets.session import Session

if TYPE_CHECKING:
    from matplotlib.figure import Figure

OPEN, CLOSED = "open", "closed"
QUANTILES = ("p50", "p95", "p99")
PROBED_POINTS = 8
"""How many rates a sweep chooses when none are given."""


class CurveChart(anywidget.AnyWidget):
    """Curves as lines of points, drawn in the browser as soon as each point is known."""

    _esm = assets.module("curve.js")
    _css = assets.style()

    curves: Any = List(help="label, and points as _drawn makes them").tag(sync=True)
    slo_ms = Float(None, allow_none=True, help="latency limit in milliseconds").tag(sync=True)
    quantiles: Any = List(list(QUANTILES), help="which latencies are drawn").tag(sync=True)
    summary = Unicode("Throughput against latency").tag(sync=True)


class CurvePane(Pane):
    """Runs sweeps over the loads and settings that the form names.

    ``curves`` are those measured so far. ``keep`` is handed a matplotlib figure of them when the user wants
    one that stays.
    """

    def __init__(self, session: Session, keep: Callable[[Figure], None]) -> None:
        self.curves: list[Curve] = []
        self._keep = keep
        self._cancel = threading.Event()
        self._growing: list[Point] | None = None
        self._finished = 0
        self.run_button = self.button("Run", self.run, button_style="primary")
        self.cancel_button = self.button("Cancel", self._cancel.set)
        self.keep_button = self.button(
            "Keep figure", self.keep_figure, tooltip="Put a picture below that stays"
        )
        self.clear_button = self.button("Clear", self.clear, tooltip="Forget the curves")
        self.progress = widgets.FloatProgress(layout=widgets.Layout(width="160px"))
        self.glance = widgets.HTML()
        self.chart = CurveChart()
        self.tables = widgets.HTML()
        buttons = row(self.run_button, self.cancel_button, self.keep_button, self.clear_button)
        self.activity = row(self.progress, self.glance)
        super().__init__(session, *self._form(), buttons, self.activity, self.chart, self.tables)

    def _form(self) -> list[Any]:
        self.mode = field(
            widgets.Dropdown, "Load", options=[("requests per second", OPEN), ("callers", CLOSED)]
        )
        self.levels = field(widgets.Text, "Levels", placeholder="empty: found by a probe")
        self.settings = field(widgets.Text, "Largest batches", placeholder="as in force")
        self.duration = field(widgets.BoundedFloatText, "Seconds per point", value=3.0, min=0.5, max=600)
        self.slo = field(widgets.BoundedFloatText, "SLO, ms", value=20.0, max=60_000)
        self.slo.observe(self.guarded(self.redraw), "value")
        return [
            hinted(self.mode, "a rate kept whatever the server does, or callers who wait for replies"),
            hinted(self.levels, "one point each, e.g. 100, 200, 400"),
            hinted(self.settings, "one curve each, e.g. off, 16, 128"),
            hinted(self.duration, "longer is steadier"),
            hinted(self.slo, "what p99 should keep; 0 for none"),
        ]

    def run(self) -> None:
        """Measures one curve per setting."""
        server, model = self.session.server, self.session.snapshot.model
        levels, settings = _numbers(self.levels.value), _settings(self.settings.value)
        loads = {"rates": levels or None} if self.mode.value == OPEN else {"concurrencies": _whole(levels)}
        common = {**loads, "duration": self.duration.value, "slo_ms": self.slo.value or None}
        self._finished, self.progress.value = 0, 0.0
        self.progress.max = len(settings) * (len(levels) or PROBED_POINTS)
        self._cancel.clear()

        def measure() -> str:
            for batching in settings:
                self._measure(server, model, batching, common)
                if self._cancel.is_set():
                    return "Cancelled. The points measured so far are kept."
            return f"Measured {len(settings)} {'curve' if len(settings) == 1 else 'curves'}."

        self.start_job("Measuring …", measure)

    def keep_figure(self) -> None:
        """Hands over a matplotlib figure of all curves."""
        # Takes a third of a second to import and is not needed to watch.
        from workbench.plots import plot

        self._keep(plot(*self.curves, slo_ms=self.slo.value or None))
        self.message.say("The figure is below the panel; it is saved with the notebook.", "done")

    def clear(self) -> None:
        """Forgets the curves."""
        self.curves = []
        self.redraw()

    def draw(self) -> None:
        """Draws the curves, the one that grows among them."""
        ready = self.session.snapshot is not None and not self.busy
        self.run_button.disabled = not ready
        self.cancel_button.disabled = not self.busy
        self.keep_button.disabled = self.clear_button.disabled = self.busy or not self.curves
        visible(self.activity, self.busy)
        shown = [
            (label, curve.points) for label, curve in zip(_labels(self.curves), self.curves, strict=True)
        ]
        if self._growing is not None:
            shown.append(("measuring …", tuple(self._growing)))
        self.chart.slo_ms = self.slo.value or None
        self.chart.curves = [{"label": label, "points": [*map(_drawn, points)]} for label, points in shown]
        self.chart.summary = ". ".join(["Throughput against latency", *map(repr, self.curves)])
        self.tables.value = "<br>".join(curve._repr_html_() for curve in self.curves)

    def _measure(self, server: Any, model: str, batching: Batching, common: dict[str, Any]) -> None:
        self._growing = []
        try:
            curve = sweep(
                server,
                model,
                batching=batching,
                progress=False,
                on_point=self._add,
                on_progress=self._glance,
                cancel=self._cancel,
                **common,
            )
        finally:
            self._growing = None
        if curve.points:
            self.curves.append(curve)
        self.redraw()

    def _add(self, point: Point) -> None:
        if self._growing is not None:
            self._growing.append(point)
        self._finished += 1
        self.progress.value = self._finished
        self.redraw()

    def _glance(self, progress: Progress) -> None:
        self.progress.value = self._finished + min(progress.elapsed_s / progress.total_s, 1.0)
        self.glance.value = f"{progress.rate:,.0f} answered/s · {progress.in_flight} in flight"


def _numbers(text: str) -> list[float]:
    try:
        return [float(number) for number in text.replace(",", " ").split()]
    except ValueError:
        raise InvalidSetting("levels", text, "write numbers, separated by commas") from None


def _whole(levels: list[float]) -> list[int]:
    if not levels or any(level < 1 for level in levels):
        raise InvalidSetting("levels", levels, "name how many callers, e.g. 1, 4, 16, 64")
    return [int(level) for level in levels]


def _settings(text: str) -> list[Batching]:
    """What ``sweep`` takes as ``batching``, once per curve; ``None`` is what is in force."""
    words = text.replace(",", " ").split()
    try:
        chosen: list[Batching] = [False if word == "off" else {"max_batch_size": int(word)} for word in words]
    except ValueError:
        raise InvalidSetting("batches", text, "write whole numbers or off, separated by commas") from None
    return chosen or [None]


def _labels(curves: Sequence[Curve]) -> list[str]:
    """Their labels, numbered where one occurs again."""
    seen: Counter[str] = Counter()
    labels = []
    for curve in curves:
        seen[curve.label] += 1
        labels.append(curve.label if seen[curve.label] == 1 else f"{curve.label} ({seen[curve.label]})")
    return labels


def _drawn(point: Point) -> dict[str, Any]:
    """A point as the browser draws it."""
    open_loop = point.offered_rate is not None
    return {
        "rate": point.achieved_rate,
        **{name: getattr(point, f"{name}_ms") for name in QUANTILES},
        "load": f"offered {point.offered_rate:,.0f}/s" if open_loop else f"{point.concurrency} callers",
        "verdict": point.reason,
        "good": point.sustained,
    }
