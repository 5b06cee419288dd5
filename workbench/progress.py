"""A sweep's progress as one line of text, which every notebook front end and every terminal can show."""

from __future__ import annotations

import sys

from tqdm import tqdm

from workbench.load.result import Progress
from workbench.points import Point, milliseconds


class SweepProgress:
    """A bar over all points; moves within a point too."""

    def __init__(self, *, shown: bool) -> None:
        self._finished = 0
        self._bar = tqdm(
            disable=not shown,
            file=sys.stdout,
            bar_format="{desc} |{bar:24}| {elapsed}{postfix}",
            desc="probing the capacity",
            total=1,
        )

    def begin(self, points: int) -> None:
        """The number of points is known now."""
        self._bar.total = points
        self._show(0.0, "")

    def glance(self, progress: Progress) -> None:
        """A run is under way."""
        fraction = min(progress.elapsed_s / progress.total_s, 1.0)
        self._show(fraction, f"now {_figures(progress.rate, progress.p99_ms)}")

    def point(self, point: Point) -> None:
        """A point is finished."""
        self._finished += 1
        self._show(0.0, f"{_figures(point.achieved_rate, point.p99_ms)}, {point.verdict}")

    def close(self) -> None:
        """Leave the line as it is."""
        self._bar.close()

    def _show(self, fraction: float, text: str) -> None:
        self._bar.n = self._finished + fraction
        self._bar.set_description_str(f"point {self._finished}/{self._bar.total}", refresh=False)
        self._bar.set_postfix_str(text, refresh=True)


def _figures(rate: float, p99_ms: float | None) -> str:
    return f"{rate:,.0f}/s, p99 {milliseconds(p99_ms)} ms"
