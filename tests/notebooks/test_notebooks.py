"""Every tutorial runs from top to bottom, without a hidden error, and leaves nothing behind."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_notebook
from support import leftovers
from support.notebooks import hidden_errors

NOTEBOOKS = sorted((Path(__file__).parents[2] / "notebooks").glob("*.ipynb"))
CELL_SECONDS = 300


@pytest.fixture
def execute(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Runs a copy of a notebook under nbmake, in a home of its own, and returns it with its outputs.

    Short values stand in for the times that cells name under ``nbmake.mock`` in their metadata.
    """
    monkeypatch.setenv("WORKBENCH_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("IPYTHONDIR", str(tmp_path / "ipython"))

    def run(notebook: Path) -> Any:
        copy = Path(shutil.copy(notebook, tmp_path / "copy.ipynb"))
        options = ["--nbmake", "--overwrite", "--nbmake-kernel=python3", f"--nbmake-timeout={CELL_SECONDS}"]
        command = [sys.executable, "-m", "pytest", "-q", f"--rootdir={tmp_path}", *options, copy.name]
        result = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
        assert result.returncode == 0, result.stdout
        return nbformat.read(copy, as_version=4)

    return run


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_tutorial_runs_and_leaves_nothing(path: Path, execute: Any, tmp_path: Path) -> None:
    before = leftovers.processes()
    notebook = execute(path)
    assert leftovers.end(leftovers.processes_after(5, before)) == []
    assert list((tmp_path / "home").rglob("state.json")) == []
    assert hidden_errors(notebook) == []


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_tutorial_is_committed_without_outputs(path: Path) -> None:
    notebook = nbformat.read(path, as_version=4)
    assert "widgets" not in notebook.metadata
    for cell in notebook.cells:
        assert cell.get("outputs", []) == []
        assert cell.get("execution_count") is None


def test_errors_that_a_run_lets_pass_are_found(execute: Any, tmp_path: Path) -> None:
    cells = [
        "import ipywidgets\noutput = ipywidgets.Output()\nwith output:\n    1 / 0\noutput",
        "import threading\nthread = threading.Thread(target=int, args=['x'])\nthread.start()\nthread.join()",
        "import asyncio, gc\nasync def fail():\n    raise OSError\ntask = asyncio.create_task(fail())",
        "await asyncio.sleep(0)\ndel task\ngc.collect()",
    ]
    path = tmp_path / "wrong.ipynb"
    nbformat.write(new_notebook(cells=[new_code_cell(cell) for cell in cells]), path)
    division, thread, task = hidden_errors(execute(path))
    assert division == "ZeroDivisionError: division by zero"
    assert thread.startswith("Exception in thread")
    assert "never retrieved" in task
