from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import matplotlib
import numpy as np
import pytest
from matplotlib.colors import to_rgba
from matplotlib.figure import Figure
from matplotlib.image import imread
from matplotlib.lines import Line2D

from workbench.load.verdict import Verdict
from workbench.plots import plot
from workbench.points import Point
from workbench.provenance import Provenance
from workbench.results import Curve

PROVENANCE = Provenance(
    model="m",
    transport="unix",
    arrivals="poisson",
    seed=0,
    duration_s=3.0,
    warmup_s=0.5,
    deadline_s=5.0,
    max_in_flight=4096,
    connections=4,
    rows_per_request=1,
    distinct_requests=256,
)


def point(rate: float, p99: float | None, verdict: Verdict = Verdict.STABLE) -> Point:
    latency = {f"p{percent}_ms": None if p99 is None else p99 * percent / 100 for percent in (50, 90, 95, 99)}
    return Point(
        offered_rate=rate,
        achieved_rate=rate,
        **latency,
        mean_ms=p99,
        max_ms=p99,
        from_send_p50_ms=p99,
        from_send_p99_ms=p99,
        send_lag_p99_ms=0.1,
        verdict=verdict,
        reason="",
        duration_s=3.0,
        due=0,
        sent=0,
        succeeded=0,
    )


def curve(label: str, *points: Point, slo_ms: float | None = 20.0, mode: str = "open") -> Curve:
    return Curve(label, points, mode, slo_ms, PROVENANCE)


SMALL = curve("batches up to 8", point(100, 5), point(400, 15), point(500, 900, Verdict.SATURATED))
LARGE = curve("batches up to 32", point(100, 8), point(900, 18), point(1200, 30))


def texts(figure: Figure) -> list[str]:
    legends = [text.get_text() for legend in figure.legends for text in legend.get_texts()]
    axes = figure.axes[0]
    return [axes.get_title(loc="left"), *(text.get_text() for text in axes.texts), *legends]


def markers(figure: Figure) -> list[Line2D]:
    return [line for line in figure.axes[0].lines if line.get_marker() not in ("None", "", None)]


def test_the_title_answers_the_question_for_one_curve() -> None:
    assert texts(plot(SMALL))[0] == "batches up to 8: 400 requests/s with p99 within 20 ms"
    assert "no point has its p99 within 1 ms" in texts(plot(SMALL, slo_ms=1))[0]


def test_several_curves_are_named_and_each_has_its_best_rate() -> None:
    shown = texts(plot(SMALL, LARGE))

    assert shown[0] == "Requests per second with p99 within 20 ms"
    assert {"400/s", "900/s", "20 ms", "batches up to 8", "batches up to 32", "p50", "p95", "p99"} <= set(
        shown
    )


def test_points_that_are_not_sustained_are_hollow_and_explained() -> None:
    figure = plot(SMALL, theme="light")

    faces = [to_rgba(line.get_markerfacecolor()) for line in markers(figure)]
    assert faces[0] == faces[1] != faces[2] == to_rgba("white")
    assert "not sustained" in texts(figure)
    assert "not sustained" not in texts(plot(LARGE))


def test_closed_loop_curves_are_named_as_such() -> None:
    assert "callers (closed loop)" in texts(plot(LARGE, curve("callers", point(1, 1), mode="closed")))


@pytest.mark.parametrize(("highest", "scale"), [(20.0, "linear"), (900.0, "log")])
def test_the_latency_axis_is_logarithmic_when_the_range_is_wide(highest: float, scale: str) -> None:
    assert plot(curve("c", point(1, 10), point(2, highest))).axes[0].get_yscale() == scale


def test_the_limit_is_in_sight_even_when_no_point_comes_near_it() -> None:
    low, high = plot(curve("c", point(1, 2), point(2, 3))).axes[0].get_ylim()

    assert low <= 20 <= high


def test_without_a_limit_nothing_is_marked() -> None:
    shown = texts(plot(curve("c", point(100, 5), slo_ms=None)))

    assert shown == ["Latency against throughput", "p99", "p95", "p50"]


@pytest.mark.parametrize("empty", [curve("c"), curve("c", point(100, None, Verdict.FAILING))])
def test_a_curve_without_latencies_still_gives_a_figure(empty: Curve) -> None:
    assert plot(empty)._repr_png_()[0].startswith(b"\x89PNG")


def test_nothing_to_plot_is_an_error() -> None:
    with pytest.raises(ValueError, match="at least one curve"):
        plot()


@pytest.mark.parametrize(
    ("theme", "ground"), [("auto", (0, 0, 0, 0)), ("light", (1, 1, 1, 1)), ("dark", (0x11 / 255,) * 3 + (1,))]
)
def test_each_theme_has_its_ground_in_the_file(theme: str, ground: tuple[float, ...], tmp_path: Path) -> None:
    plot(SMALL, LARGE, theme=theme).savefig(tmp_path / "curve.png")

    corner = imread(tmp_path / "curve.png")[0, 0]
    assert np.allclose(corner if ground[3] else corner[3:], ground if ground[3] else ground[3:], atol=0.01)


def test_every_ink_is_readable_on_the_grounds_it_is_meant_for() -> None:
    def contrast(first: str, second: str) -> float:
        light, dark = sorted((luminance(first), luminance(second)), reverse=True)
        return (light + 0.05) / (dark + 0.05)

    def luminance(colour: str) -> float:
        rgb = np.array(to_rgba(colour)[:3])
        linear = np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)
        return float(linear @ [0.2126, 0.7152, 0.0722])

    many = plot(*(curve(str(number), point(100 + number, 5)) for number in range(6)))
    colours = {line.get_color() for line in many.axes[0].lines} | {many.axes[0].xaxis.label.get_color()}
    for colour in colours:
        assert contrast(colour, "#ffffff") >= 3
        assert contrast(colour, "#111111") >= 3


def test_the_users_own_settings_are_left_alone() -> None:
    before = dict(matplotlib.rcParams)
    plot(SMALL, theme="dark")

    assert dict(matplotlib.rcParams) == before


def test_pyplot_is_never_imported() -> None:
    script = "import sys, workbench.plots; print('matplotlib.pyplot' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)

    assert done.stdout.strip() == "False"
