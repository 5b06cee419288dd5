"""Errors in words, as TensorFlow Serving writes a status into messages and logs."""

from __future__ import annotations

from collections.abc import Mapping

from kernel_server.core.state import VersionState
from kernel_server.errors import ServingError, Unknown


def status_text(error: ServingError) -> str:
    """The canonical name of the error's kind and its message: ``NOT_FOUND: no such file``."""
    return f"{error.code}: {error.message}"


class ModelsUnavailable(Unknown):
    """Models that should answer requests by now do not.

    ``obstacles`` is the answer of :meth:`~kernel_server.core.manager.Manager.wait_until_available`;
    ``noun`` is ``servable(s)`` at the start of a server and ``model(s)`` at a reload.
    """

    def __init__(self, obstacles: Mapping[str, VersionState | None], noun: str = "servable(s)") -> None:
        self.obstacles = dict(obstacles)
        entries = "".join(f"{_describe(name, state)}}}, " for name, state in self.obstacles.items())
        super().__init__(f"{len(self.obstacles)} {noun} did not become available: {{{entries}}}")


def _describe(name: str, state: VersionState | None) -> str:
    if state is None:
        return f"{{name: {name}}} has no version"
    if state.error is None:
        return f"{state.id} is in state {state.state.name}"
    return f"{state.id} due to error: {status_text(state.error)}"
