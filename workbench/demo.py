"""``workbench demo``: the first tutorial, opened in JupyterLab or run in the terminal."""

from __future__ import annotations

import shutil
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from workbench.errors import WorkbenchError

RESULTS = ("curve.png", "curve.csv")
"""The files that the tutorial leaves in its folder."""

_CELL_SECONDS = 300
_WIDGET = "application/vnd.jupyter.widget-view+json"


class DemoFailed(WorkbenchError):
    """A cell of the notebook raised, its kernel died, or a package that the demo needs is missing."""


def tutorial() -> Path:
    """The tutorial as it was shipped: inside the installed package, or beside it in a checkout."""
    package = Path(__file__).parent
    installed = package / "notebooks"
    return (installed if installed.is_dir() else package.parent / "notebooks") / "01_serve_and_tune.ipynb"


def open_in_lab(notebook: Path, directory: Path, options: Sequence[str]) -> int:
    """Copy ``notebook`` to ``directory`` and open it in JupyterLab; return JupyterLab's exit status.

    ``options`` go to ``jupyter lab``. A copy that is there already is opened as it is.
    """
    directory.mkdir(parents=True, exist_ok=True)
    copy = directory / notebook.name
    if not copy.exists():
        shutil.copyfile(notebook, copy)
    command = [sys.executable, "-m", "jupyterlab", *options, str(copy)]
    try:
        return subprocess.call(command)
    except KeyboardInterrupt:
        return 0


def run_in_terminal(notebook: Path, directory: Path) -> None:
    """Run ``notebook`` cell by cell in ``directory``, and print its headings and what its cells print.

    Raises :class:`DemoFailed` with the traceback of the cell that failed.
    """
    try:
        import nbformat
        from nbclient import NotebookClient
        from nbclient.exceptions import CellControlSignal, DeadKernelError
    except ImportError as error:
        raise DemoFailed(
            f"The demo needs a package that is missing ({error.name}): pip install 'serving-workbench[demo]'"
        ) from error
    content = nbformat.read(notebook, as_version=4)  # type: ignore[no-untyped-call]
    directory.mkdir(parents=True, exist_ok=True)
    folder = {"metadata": {"path": str(directory)}}
    client = NotebookClient(content, timeout=_CELL_SECONDS, coalesce_streams=True, resources=folder)
    started = time.monotonic()
    try:
        # What cells write there arrives as their output too; the rest is chatter of the kernel.
        with client.setup_kernel(stderr=subprocess.DEVNULL):
            for index, cell in enumerate(content.cells):
                _print(_headings(cell), indent="\n")
                client.execute_cell(cell, index)
                _print(_results(cell), indent="    ")
    except (CellControlSignal, DeadKernelError) as error:
        raise DemoFailed(str(error)) from None
    print(f"\nDone in {time.monotonic() - started:.0f} s.")


def _print(lines: Iterator[str], indent: str) -> None:
    for line in lines:
        print(f"{indent}{line}", flush=True)


def _headings(cell: Any) -> Iterator[str]:
    if cell.cell_type == "markdown":
        yield from (line.lstrip("# ") for line in cell.source.splitlines() if line.startswith("#"))


def _results(cell: Any) -> Iterator[str]:
    for output in cell.get("outputs", ()):
        if output.get("name") != "stderr":
            yield from _text(output).splitlines()


def _text(output: Any) -> str:
    """What a terminal can show of an output; nothing of pictures and widgets."""
    if output.output_type == "stream":
        return str(output.text)
    text = str(output.data.get("text/plain", ""))
    return "" if text.startswith("<") or _WIDGET in output.data else text
