"""Finding what tests have left behind: processes and Unix sockets."""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Collection
from pathlib import Path

import psutil

MARK = "SERVING_WORKBENCH_TEST_SESSION"
"""Environment variable by which every descendant of a test session is known, orphans included."""


def processes() -> list[psutil.Process]:
    """The processes that this session has started, directly or not, and that still run."""
    return [process for process in psutil.process_iter() if _is_ours(process)]


def processes_after(patience: float, besides: Collection[psutil.Process] = ()) -> list[psutil.Process]:
    """What is still there, ``besides`` what may be, when everything had ``patience`` seconds to end."""
    deadline = time.monotonic() + patience
    while True:
        left = [process for process in processes() if process not in besides]
        if not left or time.monotonic() > deadline:
            return left
        time.sleep(0.1)


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
