"""The processes that another process has started, by the module they run."""

from __future__ import annotations

import contextlib

import psutil


def children_running(module: str, parent: int, *arguments: str) -> list[psutil.Process]:
    """The living children of process ``parent`` with ``module`` and ``arguments`` in their command line.

    One that ends meanwhile, or that its parent has not yet buried, is not among them.
    """
    found = []
    for child in psutil.Process(parent).children():
        with contextlib.suppress(psutil.NoSuchProcess):
            if {module, *arguments} <= set(child.cmdline()):
                found.append(child)
    return found
