"""Curves as a figure that answers how many requests a second a server can take within a latency limit.

Figures are made without pyplot, so nothing piles up and no backend is switched.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from io import BytesIO
from typing import Any, Literal

from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

from workbench.points import Point
from workbench.results import Curve

Theme = Literal["auto", "light", "dark"]


@dataclass(frozen=True, slots=True)
class _Ink:
    """Colours of everything but the curves."""

    paper: str
    text: str
    faint: str
    hollow: str


_INKS: dict[str, _Ink] = {
    "auto": _Ink(paper="none", text="#797d84", faint="#8a8f9838", hollow="none"),
    "light": _Ink(paper="#ffffff", text="#33373d", faint="#33373d22", hollow="#ffffff"),
    "dark": _Ink(paper="#111111", text="#d5d8dd", faint="#d5d8dd22", hollow="#111111"),
}

_HUES = ("#2a8bd0", "#e2672a", "#1aa583", "#c76fb0", "#b5880f", "#7d84d8")
"""After Okabe and Ito's palette for all kinds of colour vision, of middle lightness for any background."""

_MARKERS = ("o", "s", "^", "D", "v", "P")
_PERCENTILES: dict[str, dict[str, Any]] = {
    "p99_ms": {"linewidth": 1.8},
    "p95_ms": {"linewidth": 1.1, "linestyle": (0, (4, 2))},
    "p50_ms": {"linewidth": 1.1, "linestyle": (0, (1, 1.5))},
}
_LIMIT_HUE = "#e0506a"
_WIDE = 15
_WIDTH_INCHES, _HEIGHT_INCHES, _LINE_INCHES = 7.6, 4.2, 0.2
_SCREEN_DPI = 80


class CurveFigure(Figure):
    """A matplotlib figure that notebooks show even where matplotlib is not set up for them."""

    def _repr_png_(self) -> tuple[bytes, dict[str, int]]:
        buffer = BytesIO()
        self.savefig(buffer, format="png", dpi=2 * _SCREEN_DPI)
        width, height = (round(inches * _SCREEN_DPI) for inches in self.get_size_inches())
        return buffer.getvalue(), {"width": width, "height": height}


def plot(*curves: Curve, slo_ms: float | None = None, theme: Theme = "auto") -> Figure:
    """Latency against throughput: p99 with markers, p95 and p50 below it, one colour per curve.

    ``slo_ms`` (default: that of the curves, when they agree) is drawn as a line, and the highest rate whose
    p99 keeps it is marked on each curve. Points that the server does not sustain are hollow. ``auto`` has a
    transparent ground and reads on light and dark pages; for slides and print choose ``light`` or ``dark``.
    Raises ``ValueError`` without curves.
    """
    if not curves:
        raise ValueError("plot() needs at least one curve")
    ink = _INKS[theme]
    limit = slo_ms if slo_ms is not None else _common_limit(curves)
    with rc_context(_style(ink)):
        size = (_WIDTH_INCHES, _HEIGHT_INCHES + _LINE_INCHES * len(curves))
        figure = CurveFigure(figsize=size, layout="constrained", facecolor=ink.paper)
        axes = figure.add_subplot()
        if limit is not None:
            _draw_limit(axes, limit)
        for number, curve in enumerate(curves):
            _draw_curve(axes, curve, number, limit, ink)
        _set_axes(axes, curves, limit)
        _mark_bests(axes, curves, limit)
        _draw_legends(figure, curves, ink)
        axes.set_title(_title(curves, limit), loc="left")
    return figure


def _draw_curve(axes: Axes, curve: Curve, number: int, limit: float | None, ink: _Ink) -> None:
    hue, points = _hue(number), _drawable(curve)
    kept = next((n for n, point in enumerate(points) if not point.sustained), len(points))
    for name, style in _PERCENTILES.items():
        axes.plot(*_line(points[:kept], name), color=hue, **style)
        axes.plot(
            *_line(points[max(kept - 1, 0) :], name), color=hue, **{**style, "linewidth": 1}, alpha=0.45
        )
    for point in points:
        face = hue if point.sustained else ink.hollow
        axes.plot(*_line([point], "p99_ms"), _marker(number), color=hue, mfc=face, mew=1.5, ms=6.5, zorder=4)


def _mark_bests(axes: Axes, curves: Sequence[Curve], limit: float | None) -> None:
    for number, curve in enumerate(curves):
        best = None if limit is None else curve.best(limit)
        if best is not None:
            _mark_best(axes, best, number)


def _mark_best(axes: Axes, best: Point, number: int) -> None:
    """A line down to the axis and the rate beside it; the labels of several curves form a staircase."""
    rates, latencies = _line([best], "p99_ms")
    left = best.achieved_rate > 0.8 * axes.get_xlim()[1]
    axes.vlines(rates, 0, latencies, color=_hue(number), linewidth=1, alpha=0.6, zorder=1)
    axes.annotate(
        f"{best.achieved_rate:,.0f}/s",
        (best.achieved_rate, 0),
        xycoords=("data", "axes fraction"),
        xytext=(-4 if left else 4, 5 + 13 * number),
        textcoords="offset points",
        ha="right" if left else "left",
        color=_hue(number),
        fontweight="bold",
    )


def _line(points: Sequence[Point], name: str) -> tuple[list[float], list[float]]:
    return [point.achieved_rate for point in points], [getattr(point, name) for point in points]


def _draw_limit(axes: Axes, limit: float) -> None:
    axes.axhline(limit, color=_LIMIT_HUE, linewidth=1.2, linestyle=(0, (6, 3)), zorder=1)
    axes.annotate(
        f"{limit:g} ms",
        (1, limit),
        xycoords=("axes fraction", "data"),
        xytext=(-4, 4),
        textcoords="offset points",
        color=_LIMIT_HUE,
        ha="right",
        fontweight="bold",
    )


def _set_axes(axes: Axes, curves: Sequence[Curve], limit: float | None) -> None:
    values = [
        value for curve in curves for point in _drawable(curve) for value in (point.p50_ms, point.p99_ms)
    ]
    latencies = [value for value in (*values, limit) if value]
    axes.set_xlabel("requests answered per second")
    axes.set_ylabel("latency, ms")
    if latencies and max(latencies) > _WIDE * min(latencies):
        axes.set_yscale("log")
        axes.yaxis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0)))
        axes.yaxis.set_minor_formatter(NullFormatter())
    else:
        axes.set_ylim(bottom=0)
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, position: f"{value:,g}"))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, position: f"{value:,.0f}"))
    axes.set_xlim(left=0)


def _draw_legends(figure: Figure, curves: Sequence[Curve], ink: _Ink) -> None:
    """Which curve is which, and what the line styles and hollow points mean."""
    lines = [Line2D([], [], color=ink.text, label=name[:3], **style) for name, style in _PERCENTILES.items()]
    if any(not point.sustained for curve in curves for point in _drawable(curve)):
        lines.append(
            Line2D([], [], marker="o", mfc="none", color=ink.text, linewidth=0, label="not sustained")
        )
    figure.legend(handles=lines, loc="outside lower right", ncols=len(lines))
    if len(curves) > 1:
        names = [
            Line2D([], [], color=_hue(number), marker=_marker(number), label=_name(curve))
            for number, curve in enumerate(curves)
        ]
        figure.legend(handles=names, loc="outside lower left")


def _hue(number: int) -> str:
    return _HUES[number % len(_HUES)]


def _marker(number: int) -> str:
    return _MARKERS[number % len(_MARKERS)]


def _title(curves: Sequence[Curve], limit: float | None) -> str:
    if limit is None:
        return "Latency against throughput"
    if len(curves) > 1:
        return f"Requests per second with p99 within {limit:g} ms"
    best = curves[0].best(limit)
    if best is None:
        return f"{_name(curves[0])}: no point has its p99 within {limit:g} ms"
    return f"{_name(curves[0])}: {best.achieved_rate:,.0f} requests/s with p99 within {limit:g} ms"


def _name(curve: Curve) -> str:
    return f"{curve.label} (closed loop)" if curve.mode == "closed" else curve.label


def _drawable(curve: Curve) -> list[Point]:
    """The points that have latencies, from the lowest load to the highest."""
    points = [point for point in curve.points if point.p99_ms is not None]
    return sorted(points, key=lambda point: point.offered_rate or point.concurrency or 0)


def _common_limit(curves: Sequence[Curve]) -> float | None:
    limits = {curve.slo_ms for curve in curves}
    return limits.pop() if len(limits) == 1 else None


def _style(ink: _Ink) -> dict[Any, Any]:
    """Settings for the time of building; the user's own are left alone."""
    return {
        "text.color": ink.text,
        "axes.labelcolor": ink.text,
        "axes.edgecolor": ink.text,
        "axes.facecolor": "none",
        "axes.grid": True,
        "axes.spines.top": False,
        "axes.spines.right": False,
        "axes.titlesize": 11,
        "axes.titleweight": "bold",
        "axes.titlepad": 10,
        "grid.color": ink.faint,
        "xtick.color": ink.text,
        "ytick.color": ink.text,
        "legend.frameon": False,
        "legend.fontsize": 9,
        "font.size": 9.5,
    }
