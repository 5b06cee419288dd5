"""The state of one version of a model."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

from workbench.tables import Row, html_table, text_table

STATES = {10: "START", 20: "LOADING", 30: "AVAILABLE", 40: "UNLOADING", 50: "END"}
"""TensorFlow Serving's names by number. Source: ``tensorflow_serving/apis/get_model_status.proto``."""


@dataclass(frozen=True, slots=True)
class VersionStatus:
    """One version as the server sees it, and as the disk does where that is known."""

    version: int

    state: str
    """``START``, ``LOADING``, ``AVAILABLE``, ``UNLOADING``, ``END``; ``UNKNOWN`` when never loaded."""

    error: str | None = None
    """Why it ended, when it failed to load."""

    on_disk: bool | None = None
    """Whether its folder exists; ``None`` when only the server was asked."""

    live: bool = False
    """Whether it is the highest one available, which answers requests that name no version.

    Where :meth:`Server.set_traffic` divides these, its shares count instead.
    """

    @property
    def available(self) -> bool:
        """Whether it answers requests."""
        return self.state == "AVAILABLE"

    @property
    def failed(self) -> bool:
        """Whether loading it ended in an error."""
        return self.state == "END" and self.error is not None

    @property
    def settled(self) -> bool:
        """Whether nothing is under way."""
        return self.state in ("AVAILABLE", "END", "UNKNOWN")

    @property
    def word(self) -> str:
        """The state in a word for people."""
        if self.failed:
            return "failed"
        return {"UNKNOWN": "on disk", "END": "unloaded"}.get(self.state, self.state.lower())


class VersionList(tuple[VersionStatus, ...]):
    """Versions, shown as a table."""

    __slots__ = ()

    def __repr__(self) -> str:
        return text_table(*self._table()) if self else _NO_VERSION

    def _repr_html_(self) -> str:
        return html_table("Versions", *self._table()) if self else _NO_VERSION

    def _table(self) -> tuple[Row, list[Row]]:
        """Headings and rows; without a column of errors when there are none."""
        headings = ("Version", "State", "Live", "On disk", "Error")
        columns = len(headings) if any(status.error for status in self) else len(headings) - 1
        return headings[:columns], [_cells(status)[:columns] for status in self]


_NO_VERSION = "No version is on disk or known to the server."


def _cells(status: VersionStatus) -> Row:
    on_disk = {True: "yes", False: "no", None: ""}[status.on_disk]
    return str(status.version), status.word, "yes" if status.live else "", on_disk, status.error or ""


def mark_live(statuses: Iterable[VersionStatus]) -> VersionList:
    """The same, highest version first, with the live one marked."""
    ordered = sorted(statuses, key=lambda status: status.version, reverse=True)
    live = next((status.version for status in ordered if status.available), None)
    return VersionList(replace(status, live=status.version == live) for status in ordered)
