"""Runs the generator in a process of its own and listens to it."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass

from workbench.errors import WorkbenchError
from workbench.load.result import LoadResult, Progress
from workbench.load.spec import LoadSpec

_GRACE_SECONDS = 5.0


@dataclass(eq=False)
class LoadFailed(WorkbenchError):
    """The generator could not do its run."""

    reason: str

    def __str__(self) -> str:
        return f"the load generator failed: {self.reason}"


class LoadCancelled(WorkbenchError):
    """The run was called off before it had a result."""


def run_load(
    spec: LoadSpec,
    *,
    on_progress: Callable[[Progress], None] = lambda progress: None,
    cancel: threading.Event | None = None,
) -> LoadResult:
    """Run ``spec`` in a fresh process and return what it found.

    ``on_progress`` is called four times a second on this thread. Raises :class:`LoadCancelled` once
    ``cancel`` is set and :class:`LoadFailed` when there is no result; whatever is raised, the process
    is gone.
    """
    command = [sys.executable, "-m", "workbench.load"]
    process = subprocess.Popen(
        command,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )
    try:
        return _listen(process, spec, on_progress, cancel or threading.Event())
    finally:
        _end(process)


def _listen(
    process: subprocess.Popen[str],
    spec: LoadSpec,
    on_progress: Callable[[Progress], None],
    cancel: threading.Event,
) -> LoadResult:
    assert process.stdin is not None and process.stdout is not None
    with suppress(BrokenPipeError):
        process.stdin.write(spec.to_json() + "\n")
        process.stdin.flush()
    noise: list[str] = []
    for line in process.stdout:
        if cancel.is_set():
            raise LoadCancelled
        if not line.startswith('{"event"'):
            noise.append(line)
            continue
        values = json.loads(line)
        match values.pop("event"):
            case "progress":
                on_progress(Progress(**values))
            case "result":
                return LoadResult.from_json(json.dumps(values))
            case "cancelled":
                raise LoadCancelled
            case "error":
                raise LoadFailed(values["message"])
    raise LoadFailed("".join(noise[-20:]).strip() or f"it ended with exit status {process.wait()}")


def _end(process: subprocess.Popen[str]) -> None:
    """Closing its standard input cancels it; killing is for one that is stuck."""
    for stream in (process.stdin, process.stdout):
        assert stream is not None
        with suppress(BrokenPipeError):
            stream.close()
    try:
        process.wait(_GRACE_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
