"""Finding what tests have left behind: processes and Unix sockets."""

from __future__ import annotations

import contextlib
import os
import time
from pathlib import Path

import psutil

MARK = "SERVING_WORKBENCH_TEST_SESSION"
"""Environment variable by which every descendant of a test session is known, orphans included."""


def processes() -> list[psutil.Process]:
    """The processes that this session has started, directly or not, and that still run."""
    return [process for process in psutil.process_iter() if _is_ours(process)]


def processes_after(patience: float) -> list[psutil.Process]:
    """What is still there when everything had ``patience`` seconds to end."""
    deadline = time.monotonic() + patience
    while (left := processes()) and time.monotonic() < deadline:
        time.sleep(0.1)
    return left


def end(processes: list[psutil.Process]) -> list[str]:
    """Kill them; return what they were."""
    told = []
    for process in processes:
        with contextlib.suppress(psutil.NoSuchProcess):
            told.append(f"{process.pid}: {' '.join(process.cmdline())}")
            process.kill()
    return told


def sockets(folder: Path) -> list[Path]:
    """The Unix sockets anywhere in ``folder``."""
    return [path for path in folder.rglob("*") if path.is_socket()]


def _is_ours(process: psutil.Process) -> bool:
    try:
        return (
            process.pid != os.getpid()
            and process.environ().get(MARK) == os.environ[MARK]
            and process.status() != psutil.STATUS_ZOMBIE
        )
    except psutil.Error:
        return False
