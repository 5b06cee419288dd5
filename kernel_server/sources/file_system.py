"""Watches base paths: every child named by a number is a version of the model."""

from __future__ import annotations

import logging
import re
import threading
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from kernel_server.settings import Settings
from kernel_server.sources import Emit
from kernel_server.sources.selection import Latest, Selection, Specific

_log = logging.getLogger(__name__)

_VERSION_NAME = re.compile(r"0*[0-9]{1,19}")
_MAX_VERSION = 2**63 - 1


@dataclass(frozen=True, slots=True)
class MonitoredModel:
    """A model, the folder that holds its version folders, and which of these to serve."""

    name: str
    base_path: Path
    selection: Selection = field(default_factory=Latest)


class FileSystemSource:
    """Emits, at each look, the complete versions of every model. Thread-safe.

    ``poll_seconds`` is the pause between looks: 0 means one look per :meth:`replace`, a negative
    value none at all. A model whose base path cannot be listed is left as it is. TensorFlow Serving
    then drops the look at all other models too, so that one broken mount would freeze everything.
    A base path without any version unloads the model. Standing problems are logged once.
    """

    def __init__(self, emit: Emit, poll_seconds: float) -> None:
        self._emit = emit
        self._poll_seconds = poll_seconds
        self._lock = threading.Lock()
        self._models: dict[str, MonitoredModel] = {}
        self._problems: set[str] = set()
        self._stopped = threading.Event()
        self._thread = threading.Thread(
            target=self._poll_until_stopped, name="file-system-source", daemon=True
        )

    def start(self) -> None:
        """Look again and again from now on; the first look was that of :meth:`replace`."""
        if self._poll_seconds > 0:
            self._thread.start()

    def stop(self) -> None:
        """End the polling; wait for a look in progress."""
        self._stopped.set()
        if self._thread.ident is not None:
            self._thread.join()

    def replace(self, models: Iterable[MonitoredModel]) -> None:
        """Watch these models and no others, and look at once: on return all versions are emitted."""
        wanted = {model.name: model for model in models}
        with self._lock:
            dropped = self._models.keys() - wanted.keys()
            self._models = wanted
            for name in sorted(dropped):
                self._emit(name, ())
            if self._poll_seconds >= 0:
                self._poll()

    def poll_once(self) -> None:
        """Look now, whatever the interval."""
        with self._lock:
            self._poll()

    def _poll_until_stopped(self) -> None:
        while not self._stopped.wait(self._poll_seconds):
            try:
                self.poll_once()
            except Exception:
                _log.exception("Looking for versions failed; trying again in %g s", self._poll_seconds)

    def _poll(self) -> None:
        problems: set[str] = set()
        for model in self._models.values():
            try:
                versions = _find_versions(model, problems)
            except OSError as error:
                problems.add(
                    f"Could not find base path {model.base_path} for servable {model.name} with error {error}"
                )
            else:
                self._emit(model.name, _select(model, versions, problems))
        for problem in sorted(problems - self._problems):
            _log.error("%s", problem)
        self._problems = problems


def source(emit: Emit, settings: Settings) -> FileSystemSource:
    """The source ``file_system``."""
    return FileSystemSource(emit, settings.file_system_poll_wait_seconds)


def _find_versions(model: MonitoredModel, problems: set[str]) -> dict[int, Path]:
    """The versions under the base path; of two with one number the one whose name sorts last."""
    versions: dict[int, Path] = {}
    for child in sorted(model.base_path.iterdir()):
        if _VERSION_NAME.fullmatch(child.name) and (number := int(child.name)) <= _MAX_VERSION:
            if number in versions:
                problems.add(
                    f"{versions[number]} is not served: {child} is version {number} of {model.name} too"
                )
            versions[number] = child
    if not versions:
        problems.add(
            f"No versions of servable {model.name} found under base path {model.base_path}; "
            "a version is a folder named by a number, such as 1"
        )
    return versions


def _select(
    model: MonitoredModel, versions: Mapping[int, Path], problems: set[str]
) -> list[tuple[int, Path]]:
    selected = model.selection.select(versions)
    if isinstance(model.selection, Specific):
        for missing in sorted(set(model.selection.versions) - set(selected)):
            problems.add(
                f"Version {missing} of servable {model.name} was requested, but is not in {model.base_path}"
            )
    return [(version, versions[version]) for version in selected]
