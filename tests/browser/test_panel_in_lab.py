"""The panel as a person meets it: JupyterLab, both themes, mouse and keyboard."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from support.lab import IN_KERNEL, Lab, Notebook

THEMES = ("JupyterLab Light", "JupyterLab Dark")
READABLE = 4.5
"""Contrast that WCAG 2.1 wants of text (level AA)."""

TOO_FAINT = """least => {
  const numbers = colour => colour.match(/[\\d.]+/g).map(Number);
  const opaque = ([r, g, b, a = 1], under) => [r, g, b].map((c, i) => a * c + (1 - a) * under[i]);
  const behind = node => {
    if (!node) return [255, 255, 255];
    const colour = numbers(getComputedStyle(node).backgroundColor);
    return colour[3] === 0 ? behind(node.parentElement) : opaque(colour, behind(node.parentElement));
  };
  const light = colour => {
    const linear = c => c <= 0.03928 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4;
    const [r, g, b] = colour.map(c => linear(c / 255));
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const contrast = (one, other) => {
    const [low, high] = [light(one), light(other)].sort((a, b) => a - b);
    return (high + 0.05) / (low + 0.05);
  };
  const ours = node => node.closest('.swb') && !node.closest('.lm-TabBar');
  const faded = (colour, button) => button
    ? opaque([...colour, Number(getComputedStyle(button).opacity)], behind(button.parentElement)) : colour;
  const texts = document.createTreeWalker(document.querySelector('.swb-panel'), NodeFilter.SHOW_TEXT);
  const found = new Set();
  while (texts.nextNode()) {
    const node = texts.currentNode.parentElement, text = texts.currentNode.textContent.trim();
    if (!text || !node.checkVisibility() || !ours(node)) continue;
    const style = getComputedStyle(node), under = behind(node);
    const ink = numbers(node instanceof SVGElement ? style.fill : style.color);
    const button = node.closest('button');
    const ratio = contrast(faded(opaque(ink, under), button), faded(under, button));
    if (ratio < least) found.add(`${ratio.toFixed(1)}: ${text.slice(0, 40)}`);
  }
  return [...found];
}"""


@pytest.fixture(scope="module")
def notebook(lab: Lab, models: dict[str, Path]) -> Iterator[Notebook]:
    """A panel in a notebook, on a server of one model with two versions."""
    notebook = lab.open(
        "panel",
        "import workbench\n"
        f"server = workbench.Server.start({str(models['half'])!r}, name='in-lab', device='cpu')\n"
        "server.load(1)",
        "panel = workbench.panel(server)\npanel",
    )
    yield notebook
    assert notebook.complaints == []
    notebook.python("server.stop()")


def tab(notebook: Notebook, name: str) -> Any:
    notebook.page.get_by_role("tab", name=name, exact=True).click()
    return notebook.page


def dress(notebook: Notebook, theme: str) -> None:
    """Changes the theme; JupyterLab trips over its own splash if the next comes before that is gone."""
    notebook.command("apputils:change-theme", theme=theme)
    notebook.page.wait_for_function(f"document.body.dataset.jpThemeName === '{theme}'")
    notebook.page.locator("#jupyterlab-splash").wait_for(state="detached")


@pytest.mark.parametrize("theme", THEMES)
@pytest.mark.parametrize("name", ["Server", "Export", "Versions", "Batching", "Curve"])
def test_every_text_is_readable(notebook: Notebook, theme: str, name: str) -> None:
    dress(notebook, theme)
    tab(notebook, name).get_by_text("serving", exact=True).wait_for()
    assert notebook.page.evaluate(TOO_FAINT, READABLE) == []


def test_a_canary_gets_its_share(notebook: Notebook) -> None:
    page = tab(notebook, "Versions")
    slider, apply = page.get_by_role("slider", name="Version 2"), page.get_by_role("button", name="Apply")
    assert apply.is_disabled()
    slider.focus()
    page.keyboard.press("Home")
    page.keyboard.press("ArrowRight")
    page.get_by_text("in force: 100").wait_for()
    apply.click()
    page.get_by_text("From the next request on: version 1 99 %, version 2 1 %.").wait_for()
    notebook.python("for _ in range(3): server.client().predict('half', [1.0])")
    page.get_by_role("row", name="1 available 99 % 3").wait_for()
    for theme in THEMES:
        dress(notebook, theme)
        assert page.evaluate(TOO_FAINT, READABLE) == []
    notebook.python("server.set_traffic(None)")
    page.get_by_role("row", name="2 available live").wait_for()


def test_a_version_is_swapped_with_one_button(notebook: Notebook) -> None:
    page = tab(notebook, "Versions")
    page.get_by_role("button", name="Make live version 1").click()
    page.get_by_text("Version 1 answers now").wait_for()
    page.get_by_role("row", name="1 available live").wait_for()
    page.get_by_role("button", name="Make live version 2").click()
    page.get_by_text("Version 2 answers now").wait_for()


def test_the_keyboard_changes_a_parameter(notebook: Notebook) -> None:
    page = tab(notebook, "Batching")
    slider, apply = page.get_by_role("slider", name="Largest batch"), page.get_by_role("button", name="Apply")
    assert apply.is_disabled()
    slider.focus()
    page.keyboard.press("ArrowLeft")
    page.get_by_text("in force: 128").wait_for()
    page.keyboard.press("ArrowLeft")
    page.wait_for_function("document.activeElement.getAttribute('aria-valuetext') === '32 rows'")
    assert page.evaluate(TOO_FAINT, READABLE) == []
    apply.click()
    page.get_by_text("is in force. Nothing was reloaded").wait_for()
    assert notebook.python("print(server.batching().parameters.max_batch_size)") == "32"
    page.get_by_role("button", name="Undo").click()
    page.get_by_role("slider", name="Largest batch").and_(
        page.locator("[aria-valuetext='128 rows']")
    ).wait_for()


def test_the_curve_grows_and_a_figure_stays_in_the_file(notebook: Notebook) -> None:
    page = tab(notebook, "Curve")
    page.get_by_label("Levels").fill("50, 100, 150")
    page.get_by_label("Seconds per point").fill("1")
    page.get_by_role("button", name="Run", exact=True).click()
    points = page.locator(".swb-point[role=img]")
    points.nth(2).wait_for()
    assert points.count() < 9, "the first point is drawn before the last is measured"
    page.get_by_text("Measured 1 curve").wait_for()
    assert points.count() == 9, "three percentiles of three points"
    points.first.focus()
    page.locator(".swb-tip", has_text="offered 50/s").wait_for()
    page.get_by_role("button", name="Keep figure").click()
    page.locator(".jp-OutputArea-output img").wait_for()
    panel, figure = notebook.saved().cells[1].outputs
    assert "image/png" in figure.data
    assert "in-lab" in panel.data["text/html"], "what is shown where widgets are not"


def test_a_cell_run_again_leaves_no_second_panel_asking(notebook: Notebook) -> None:
    notebook.run_all()
    notebook.page.get_by_text("serving", exact=True).wait_for()
    asking = "import threading; print(sum(t.name == 'workbench-refresher' for t in threading.enumerate()))"
    notebook.page.wait_for_function(f"async code => await ({IN_KERNEL})(code) === '1'", arg=asking)


def test_a_panel_without_its_kernel_says_so(notebook: Notebook) -> None:
    notebook.page.evaluate("window.jupyterapp.shell.currentWidget.sessionContext.session.kernel.restart()")
    notebook.page.get_by_text("is the kernel running?").wait_for()
    assert notebook.page.evaluate(TOO_FAINT, READABLE) == []
    notebook.python("import workbench; server = workbench.Server.attach('in-lab')")
