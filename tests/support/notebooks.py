"""Errors of a notebook that its run lets pass."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

_WIDGETS = "application/vnd.jupyter.widget-state+json"
_IN_THE_BACKGROUND = re.compile(r".*(?:Exception in thread|exception was never retrieved).*")


def hidden_errors(notebook: Any) -> list[str]:
    """What went wrong inside ``Output`` widgets, in threads, and in tasks that nobody awaited."""
    return [*_in_widgets(notebook), *_in_the_background(notebook)]


def _in_widgets(notebook: Any) -> Iterator[str]:
    models = notebook.metadata.get("widgets", {}).get(_WIDGETS, {}).get("state", {})
    for model in models.values():
        for output in model["state"].get("outputs", ()) if model["model_name"] == "OutputModel" else ():
            if output["output_type"] == "error":
                yield f"{output['ename']}: {output['evalue']}"


def _in_the_background(notebook: Any) -> Iterator[str]:
    for cell in notebook.cells:
        for output in cell.get("outputs", ()):
            if output.get("name") == "stderr":
                yield from _IN_THE_BACKGROUND.findall(output.text)
