"""``workbench demo``: the first tutorial, opened in JupyterLab or run in the terminal."""

from __future__ import annotations

import shutil
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from workbench.errors import WorkbenchError

TUTORIAL = "01_serve_and_tune.ipynb"
RESULTS = ("curve.png", "curve.csv")
_CELL_SECONDS = 300


class DemoFailed(WorkbenchError):
    """A cell of the tutorial raised, or a package that the demo needs is missing."""


def open_in_lab(directory: Path, options: Sequence[str]) -> int:
    """Copy the tutorial to ``directory`` and open it in JupyterLab; return JupyterLab's exit status.

    ``options`` go to ``jupyter lab``. A tutorial that is there already is opened as it is.
    """
    notebook = _place(directory)
    command = [sys.executable, "-m", "jupyterlab", *options, str(notebook)]
    try:
        return subprocess.call(command)
    except KeyboardInterrupt:
        return 0


def run_in_terminal(directory: Path) -> list[Path]:
    """Run the tutorial cell by cell, print what it prints, and return the files of the curve.

    Raises :class:`DemoFailed` with the cell's traceback.
    """
    try:
        import nbformat
        from nbclient import NotebookClient
        from nbclient.exceptions import CellExecutionError
    except ImportError as error:
        raise DemoFailed(
            f"The demo needs a package that is missing ({error.name}): pip install 'serving-workbench[demo]'"
        ) from error
    notebook = nbformat.read(_place(directory), as_version=4)
    started = time.monotonic()
    client = NotebookClient(
        notebook,
        timeout=_CELL_SECONDS,
        resources={"metadata": {"path": str(directory)}},
        on_cell_start=_print_heading,
        on_cell_executed=_print_outputs,
    )
    try:
        client.execute()
    except CellExecutionError as error:
        raise DemoFailed(str(error)) from None
    print(f"\nDone in {time.monotonic() - started:.0f} s.")
    return [directory / name for name in RESULTS]


def _place(directory: Path) -> Path:
    directory.mkdir(parents=True, exist_ok=True)
    place = directory / TUTORIAL
    if not place.exists():
        shutil.copyfile(_tutorials() / TUTORIAL, place)
    return place


def _tutorials() -> Path:
    """Where the tutorials are: inside the installed package, or beside it in a checkout."""
    package = Path(__file__).parent
    installed = package / "notebooks"
    return installed if installed.is_dir() else package.parent / "notebooks"


def _print_heading(cell: Any, cell_index: int) -> None:
    if cell.cell_type == "markdown":
        for line in cell.source.splitlines():
            if line.startswith("#"):
                print(f"\n{line.lstrip('# ')}")


def _print_outputs(cell: Any, cell_index: int, execute_reply: Any) -> None:
    for output in cell.get("outputs", ()):
        text = output.get("text") if output.output_type == "stream" else _plain(output)
        if text and output.get("name") != "stderr":
            print("   ", text.rstrip().replace("\n", "\n    "), flush=True)


def _plain(output: Any) -> str:
    data = output.get("data", {})
    # A widget or a figure says nothing in plain text that a person would want to read.
    if "application/vnd.jupyter.widget-view+json" in data or "image/png" in data:
        return ""
    return str(data.get("text/plain", ""))
