"""The end of a log file."""

from __future__ import annotations

import os
from pathlib import Path

LONGEST_TAIL = 256 * 1024
"""Bytes read from the end, however long the lines."""


class LogText(str):
    """Lines of a log; shown as they are rather than quoted."""

    __slots__ = ()

    def __repr__(self) -> str:
        return str(self)


def tail(path: Path, lines: int = 40) -> LogText:
    """The last ``lines`` lines of ``path``, empty when there is no such file."""
    try:
        with path.open("rb") as file:
            file.seek(max(0, os.fstat(file.fileno()).st_size - LONGEST_TAIL))
            text = file.read().decode(errors="replace")
    except FileNotFoundError:
        return LogText()
    return LogText("\n".join(text.splitlines()[-lines:] if lines > 0 else []))
