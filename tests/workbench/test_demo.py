"""``workbench demo``: the whole tutorial in a terminal, and small notebooks for what can go wrong."""

import subprocess
import sys
from pathlib import Path

import nbformat
import pandas as pd
import pytest
from matplotlib.image import imread
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook
from support import leftovers

from workbench.demo import DemoFailed, open_in_lab, run_in_terminal, tutorial

THREE_MINUTES = 180


@pytest.fixture
def notebook(tmp_path):
    """Writes a notebook of some cells and returns its path."""

    def write(*cells):
        code = (cell if isinstance(cell, dict) else new_code_cell(cell) for cell in cells)
        content = new_notebook(cells=list(code))
        path = tmp_path / "small.ipynb"
        nbformat.write(content, path)
        return path

    return write


def test_the_whole_demo_leaves_a_curve_of_each_setting_and_nothing_else(tmp_path, monkeypatch):
    monkeypatch.setenv("WORKBENCH_HOME", str(tmp_path / "home"))
    folder, before = tmp_path / "demo", leftovers.processes()
    workbench = Path(sys.executable).with_name("workbench")
    result = subprocess.run(
        [workbench, "demo", "--headless", f"--directory={folder}"],
        capture_output=True,
        text=True,
        timeout=THREE_MINUTES,
    )
    assert leftovers.end(leftovers.processes_after(5, before)) == []
    assert (result.returncode, result.stderr) == (0, "")
    assert "0 failed, 0 misrouted" in result.stdout
    assert result.stdout.splitlines()[-2:] == [str(folder / "curve.png"), str(folder / "curve.csv")]
    assert imread(folder / "curve.png").ndim == 3
    points = pd.read_csv(folder / "curve.csv").groupby("curve").size()
    assert list(points.index) == ["batches up to 64", "one by one"]
    assert points.min() >= 6


def test_headings_and_results_are_printed_and_what_a_terminal_cannot_show_is_not(notebook, tmp_path, capfd):
    path = notebook(
        new_markdown_cell("# A title\n\nSome words.\n\n## A part"),
        "for step in range(3):\n    print(f'\\rstep {step}', end='')\nprint()\n{'a': 1}",
        "import sys, ipywidgets\nprint('a warning', file=sys.stderr)\nipywidgets.IntSlider()",
        "from matplotlib.figure import Figure\nFigure()",
    )
    run_in_terminal(path, tmp_path / "new")
    printed = capfd.readouterr()
    assert printed.out.splitlines()[:-1] == ["", "A title", "", "A part", "    step 2", "    {'a': 1}", ""]
    assert printed.out.splitlines()[-1].startswith("Done in ")
    assert printed.err == ""


def test_the_cell_that_fails_is_shown(notebook, tmp_path):
    with pytest.raises(DemoFailed, match=r"(?s)quotient = 1 / 0.*ZeroDivisionError.*division by zero"):
        run_in_terminal(notebook("quotient = 1 / 0", "print('never')"), tmp_path)


def test_a_kernel_that_dies_is_no_riddle(notebook, tmp_path):
    with pytest.raises(DemoFailed, match="Kernel died"):
        run_in_terminal(notebook("import os\nos._exit(1)"), tmp_path)


def test_the_lab_opens_a_copy_and_keeps_what_was_changed_in_it(tmp_path, capfd):
    folder = tmp_path / "demo"
    assert open_in_lab(tutorial(), folder, ["--version"]) == 0
    copy = folder / tutorial().name
    assert copy.read_bytes() == tutorial().read_bytes()
    copy.write_text("changed")
    assert open_in_lab(tutorial(), folder, ["--version"]) == 0
    assert copy.read_text() == "changed"
    assert open_in_lab(tutorial(), folder, ["--no-such-option"]) != 0
    assert capfd.readouterr().out.count("\n") == 2
