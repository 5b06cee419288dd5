"""What was measured: a :class:`Point` per rate, a :class:`Curve` per setting. Frozen, with provenance."""

from __future__ import annotations

from dataclasses import dataclass
from html import escape
from pathlib import Path
from string import Template
from typing import TYPE_CHECKING

from workbench.load.verdict import Verdict
from workbench.points import Point, ServerSplit, milliseconds
from workbench.provenance import Provenance

if TYPE_CHECKING:
    import pandas

__all__ = ["Curve", "Point", "ServerSplit"]

_TEMPLATE = Template((Path(__file__).parent / "templates" / "curve.html").read_text())


@dataclass(frozen=True, slots=True)
class Curve:
    """Points measured under the same conditions, in the order they were measured.

    ``mode`` is ``open`` (rates) or ``closed`` (concurrencies): the two are never mixed on one curve.
    """

    label: str
    points: tuple[Point, ...]
    mode: str
    slo_ms: float | None
    provenance: Provenance

    def best(self, slo_ms: float | None = None) -> Point | None:
        """The point with the highest rate whose p99 is within ``slo_ms`` (default: the curve's own).

        Saturated and failing points do not count. ``None`` when no point qualifies.
        Raises ``ValueError`` when there is no limit to go by.
        """
        limit = self.slo_ms if slo_ms is None else slo_ms
        if limit is None:
            raise ValueError("best() needs a limit: pass slo_ms=")
        passing = [point for point in self.points if point.sustained and _within(point, limit)]
        return max(passing, key=lambda point: point.achieved_rate, default=None)

    def to_frame(self) -> pandas.DataFrame:
        """A row per point; ``frame.attrs`` carries label, mode, SLO and provenance for :meth:`from_frame`."""
        from workbench.results_io import to_frame

        return to_frame(self)

    @classmethod
    def from_frame(cls, frame: pandas.DataFrame) -> Curve:
        """The curve that :meth:`to_frame` gave; else raises :class:`~workbench.results_io.NotACurve`."""
        from workbench.results_io import from_frame

        return from_frame(frame)

    def to_csv(self, path: str | Path) -> Path:
        """Write a CSV file whose first line, a comment, holds the provenance; returns its path."""
        from workbench.results_io import write_csv

        return write_csv(self, Path(path))

    @classmethod
    def read_csv(cls, path: str | Path) -> Curve:
        """The curve in a file of :meth:`to_csv`; else raises :class:`~workbench.results_io.NotACurve`."""
        from workbench.results_io import read_csv

        return read_csv(Path(path))

    def to_json(self) -> str:
        """Everything, for programs."""
        from workbench.results_io import to_json

        return to_json(self)

    @classmethod
    def from_json(cls, text: str) -> Curve:
        """The curve that :meth:`to_json` wrote; else raises :class:`~workbench.results_io.NotACurve`."""
        from workbench.results_io import from_json

        return from_json(text)

    def __repr__(self) -> str:
        return f"Curve({self.label!r}, {len(self.points)} points, {self._summary()})"

    def _repr_html_(self) -> str:
        best = self._best()
        return _TEMPLATE.substitute(
            label=escape(self.label),
            summary=escape(self._summary()),
            load="Offered" if self.mode == "open" else "Callers",
            rows="".join(_row(point, point is best) for point in self.points),
            conditions=escape(_conditions(self.provenance)),
        )

    def _best(self) -> Point | None:
        return None if self.slo_ms is None else self.best()

    def _summary(self) -> str:
        if self.slo_ms is None:
            highest = max((point.achieved_rate for point in self.points if point.sustained), default=0.0)
            return f"up to {highest:,.0f} requests/s"
        best = self._best()
        if best is None:
            return f"no point has its p99 within {self.slo_ms:g} ms"
        return f"{best.achieved_rate:,.0f} requests/s with p99 within {self.slo_ms:g} ms"


def _within(point: Point, limit_ms: float) -> bool:
    return point.p99_ms is not None and point.p99_ms <= limit_ms


def _row(point: Point, best: bool) -> str:
    load = f"{point.offered_rate:,.0f}" if point.offered_rate is not None else f"{point.concurrency}"
    batch = "" if point.server is None else f"{point.server.mean_batch:.1f}"
    latencies = [milliseconds(value) for value in (point.p50_ms, point.p95_ms, point.p99_ms)]
    numbers = [load, f"{point.achieved_rate:,.0f}", *latencies, batch, f"{point.failed + point.unfinished:,}"]
    cells = "".join(f"<td>{number}</td>" for number in numbers)
    reason = "" if point.verdict is Verdict.STABLE else f"<small>{escape(point.reason)}</small>"
    verdict = f'<td class="verdict">{escape(point.verdict)} {reason}</td>'
    mark = ' class="best"' if best else ""
    return f"<tr{mark}>{cells}{verdict}</tr>"


def _conditions(provenance: Provenance) -> str:
    batching = provenance.batching
    parts = [
        provenance.model
        if provenance.model_version is None
        else f"{provenance.model} v{provenance.model_version}",
        "" if batching is None else f"batches of up to {batching['max_batch_size']}",
        f"{provenance.arrivals} arrivals" if provenance.arrivals else "",
        f"{provenance.duration_s:g} s a point",
        f"{provenance.cores} cores of {provenance.cpu}",
        provenance.device or "",
        provenance.measured_at,
    ]
    return " · ".join(filter(None, parts))
