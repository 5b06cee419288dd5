"""Whose end is a server's end.

The server watches its owner itself, because exit handlers do not run when a kernel is killed. It lives on
for ``owner_timeout`` seconds after the owner is gone, so that a restarted kernel can take it over.
"""

from __future__ import annotations

import os
from typing import Literal, get_args

import psutil

from workbench.errors import InvalidSetting
from workbench.processes import ProcessId

Lifetime = Literal["kernel", "session", "detached"]
"""``kernel``: ends with this Python process. ``session``: with the Jupyter server (or shell) that started
this process. ``detached``: only when stopped or idle for too long."""


def owner_of(lifetime: str) -> ProcessId | None:
    """The process whose end ends the server, or ``None`` for nobody's.

    Raises :class:`InvalidSetting` for a word that is no lifetime.
    """
    if lifetime == "kernel":
        return ProcessId.of()
    if lifetime == "session":
        return _session()
    if lifetime == "detached":
        return None
    raise InvalidSetting("lifetime", lifetime, f"use one of {', '.join(get_args(Lifetime))}")


def _session() -> ProcessId:
    """The Jupyter server, which tells its kernels its pid; elsewhere the parent process."""
    announced = os.environ.get("JPY_PARENT_PID", "")
    for pid in (int(announced) if announced.isdigit() else 0, os.getppid()):
        if pid > 0 and psutil.pid_exists(pid):
            return ProcessId.of(pid)
    return ProcessId.of()
