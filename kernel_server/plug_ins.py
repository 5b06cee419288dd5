"""Parts that packages bring along under entry points: chosen by name, imported only when chosen."""

from __future__ import annotations

from importlib.metadata import entry_points
from typing import Any

from kernel_server.errors import InvalidArgument

SOURCES = "kernel_server.sources"
"""Group of :data:`~kernel_server.sources.source.MakeSource`, for ``--source``."""

POLICIES = "kernel_server.policies"
"""Group of makers of a :class:`~kernel_server.core.policy.VersionPolicy`, for ``--version_policy``."""


class UnknownPlugIn(InvalidArgument):
    """No installed package has the part."""

    def __init__(self, flag: str, name: str, known: list[str]) -> None:
        super().__init__(f"--{flag}={name} is not installed. Installed are: {', '.join(known)}")


def plug_in(group: str, flag: str, name: str) -> Any:
    """What the entry point ``name`` of ``group`` stands for, as asked for by ``flag``.

    Raises :class:`UnknownPlugIn`, and what importing it raises.
    """
    installed = {found.name: found for found in entry_points(group=group)}
    if name not in installed:
        raise UnknownPlugIn(flag, name, sorted(installed))
    return installed[name].load()
