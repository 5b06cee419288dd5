"""Every tutorial in JupyterLab, as a reader sees it who runs all cells."""

from __future__ import annotations

from pathlib import Path

import nbformat
import pytest
from support.lab import Lab

NOTEBOOKS = sorted((Path(__file__).parents[2] / "notebooks").glob("*.ipynb"))


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_tutorial_shows_no_error_and_every_widget(path: Path, lab: Lab) -> None:
    copy = lab.folder / path.name
    nbformat.write(_shortened(nbformat.read(path, as_version=4)), copy)
    notebook = lab.show(copy)
    notebook.run_all()
    assert notebook.complaints == []
    assert notebook.page.locator(".jp-OutputArea-output[data-mime-type*=stderr]").all_inner_texts() == []
    notebook.page.close()


def _shortened(notebook: nbformat.NotebookNode) -> nbformat.NotebookNode:
    """With the short times that cells name for nbmake, which sets them just as well after the cell."""
    for cell in notebook.cells:
        short = cell.metadata.get("nbmake", {}).get("mock", {})
        cell.source += "".join(f"\n{name} = {value!r}" for name, value in short.items())
    return notebook
