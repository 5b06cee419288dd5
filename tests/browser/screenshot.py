"""Takes the README's picture of the panel, on a machine that is otherwise idle.

It is no test and has no test's name; pytest runs it when told to, for the fixtures:
``python -m pytest tests/browser/screenshot.py``.
"""

from __future__ import annotations

from pathlib import Path

from support.lab import Lab

PICTURE = Path(__file__).parents[2] / "notebooks" / "panel.png"
MODEL = """
import keras, workbench

wide = [keras.layers.Dense(2048, "relu") for _ in range(2)]
model = keras.Sequential([keras.Input((64,), name="pixels"), *wide, keras.layers.Dense(10, "softmax")])
workbench.export_model(model, "models/digits")
server = workbench.Server.start("models/digits")
"""
POINTS_OF_FIRST, POINTS_OF_SECOND, PERCENTILES = 8, 7, 3


def test_picture_of_a_curve_that_grows(lab: Lab) -> None:
    notebook = lab.open("picture", MODEL, "workbench.panel(server)", scale=2)
    page = notebook.page
    notebook.command("application:toggle-left-area")
    page.set_viewport_size({"width": 1120, "height": 1400})
    page.get_by_role("tab", name="Curve", exact=True).click()
    page.get_by_label("Largest batches").fill("off, 64")
    page.get_by_label("Seconds per point").fill("3")
    page.get_by_label("SLO, ms").fill("50")
    page.get_by_role("button", name="Run", exact=True).click()
    points = page.locator(".swb-point[role=img]")
    points.nth(PERCENTILES * (POINTS_OF_FIRST + POINTS_OF_SECOND) - 1).wait_for()
    panel, chart = page.locator(".swb-panel").bounding_box(), page.locator(".swb-chart").bounding_box()
    height = chart["y"] + chart["height"] - panel["y"]
    page.screenshot(path=PICTURE, clip={**panel, "height": height})
    notebook.python("server.stop()")
