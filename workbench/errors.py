"""What can go wrong on the notebook's side, as one small tree.

::

    WorkbenchError
    ├── InvalidSetting           an argument can never work as it stands
    ├── StartFailed              no server came up
    │   ├── ServerExited           the process ended before it was ready
    │   ├── StartTimedOut          it was not ready in time, and was ended
    │   └── CommandNotFound        there is nothing to start
    ├── ConfigurationDiffers     a server of that name runs with other settings
    ├── ServerNotFound           no server of that name is alive
    ├── SeveralServers           a name is needed to choose one
    ├── ServerNotResponding      the process lives but does not answer
    ├── RecordInvalid            a state file cannot be understood
    ├── ModelNotServed           the server has no such model, or a name is needed to choose one
    ├── VersionError
    │   ├── VersionNotFound        no such version on disk
    │   ├── VersionFailed          the server could not load it
    │   └── VersionTimedOut        the swap did not finish in time
    ├── NothingToUndo            there is no earlier state to return to
    └── RequestFailed            the server answered with an error, or did not answer

Every leaf carries typed arguments and builds its message from them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path


class WorkbenchError(Exception):
    """Root of every error this package raises on purpose."""


@dataclass(eq=False)
class InvalidSetting(WorkbenchError):
    """An argument can never work as it stands; ``remedy`` says what would."""

    name: str
    value: object
    remedy: str

    def __str__(self) -> str:
        return f"{self.name}={self.value!r}: {self.remedy}"


class StartFailed(WorkbenchError):
    """No server came up. No process of the attempt is left."""


@dataclass(eq=False)
class ServerExited(StartFailed):
    """The process ended before it was ready."""

    code: int
    log_tail: str
    log_file: Path

    def __str__(self) -> str:
        how = f"signal {-self.code}" if self.code < 0 else f"exit code {self.code}"
        return f"the server ended during start ({how}).\n{_log(self.log_tail, self.log_file)}"


@dataclass(eq=False)
class StartTimedOut(StartFailed):
    """The process was not ready in time and was ended."""

    pid: int
    seconds: float
    log_tail: str
    log_file: Path

    def __str__(self) -> str:
        return (
            f"the server (pid {self.pid}) was not ready after {self.seconds:g} s and was ended; "
            f"give it longer with timeout=.\n{_log(self.log_tail, self.log_file)}"
        )


@dataclass(eq=False)
class CommandNotFound(StartFailed):
    """The interpreter or the ``kernel_server`` package is missing."""

    command: Sequence[str]
    reason: str

    def __str__(self) -> str:
        return f"cannot run {' '.join(self.command)}: {self.reason}"


@dataclass(eq=False)
class ConfigurationDiffers(WorkbenchError):
    """A server of that name is alive with other settings: ``differences`` maps each to (there, asked)."""

    name: str
    pid: int
    differences: Mapping[str, tuple[object, object]]

    def __str__(self) -> str:
        lines = [
            f"  {key}: {there!r}, asked for {asked!r}" for key, (there, asked) in self.differences.items()
        ]
        return (
            f"server '{self.name}' (pid {self.pid}) is already running with other settings:\n"
            + "\n".join(lines)
            + f"\nStop it first (Server.attach({self.name!r}).stop()), replace it (restart=True) "
            "or choose another name (name=...)."
        )


@dataclass(eq=False)
class ServerNotFound(WorkbenchError):
    """No server of that name is alive; ``name`` is None when none is alive at all."""

    name: str | None
    alive: Sequence[str]

    def __str__(self) -> str:
        if not self.alive:
            return f"{_named(self.name)} is running; start one with Server.start(...)"
        return f"{_named(self.name)} is running; running are: {', '.join(self.alive)}"


@dataclass(eq=False)
class SeveralServers(WorkbenchError):
    """More than one server is alive, so a name is needed."""

    alive: Sequence[str]

    def __str__(self) -> str:
        return f"{len(self.alive)} servers are running; say which: {', '.join(self.alive)}"


@dataclass(eq=False)
class ServerNotResponding(WorkbenchError):
    """The process is alive but does not answer its own control calls."""

    name: str
    pid: int
    reason: str

    def __str__(self) -> str:
        return (
            f"server '{self.name}' (pid {self.pid}) is alive but does not answer ({self.reason}); "
            f"try again, or end it with `workbench stop {self.name}`"
        )


@dataclass(eq=False)
class RecordInvalid(WorkbenchError):
    """A state file cannot be understood."""

    path: Path
    reason: str

    def __str__(self) -> str:
        return f"{self.path} is not a valid state file: {self.reason}"


@dataclass(eq=False)
class ModelNotServed(WorkbenchError):
    """The server has no such model; ``model`` is None when it has several and none was chosen."""

    model: str | None
    models: Sequence[str]

    def __str__(self) -> str:
        if self.model is None:
            return f"the server has {len(self.models)} models; say which: {', '.join(self.models)}"
        return f"the server has no model '{self.model}'; it has: {', '.join(self.models)}"


class VersionError(WorkbenchError):
    """A version could not be brought into the state asked for."""


@dataclass(eq=False)
class VersionNotFound(VersionError):
    """No such version on disk."""

    model: str
    version: int
    on_disk: Sequence[int]
    base_path: Path

    def __str__(self) -> str:
        found = ", ".join(map(str, self.on_disk)) or "none"
        return f"model '{self.model}' has no version {self.version} in {self.base_path}; found: {found}"


@dataclass(eq=False)
class VersionFailed(VersionError):
    """The server could not load the version; what was live before still is."""

    model: str
    version: int
    message: str
    live: int | None

    def __str__(self) -> str:
        still = "nothing" if self.live is None else f"version {self.live}"
        return (
            f"version {self.version} of model '{self.model}' failed to load "
            f"({still} stays live): {self.message}"
        )


@dataclass(eq=False)
class VersionTimedOut(VersionError):
    """The change did not finish in time; it may still do so."""

    model: str
    version: int
    seconds: float
    state: str

    def __str__(self) -> str:
        return (
            f"version {self.version} of model '{self.model}' is still {self.state} after {self.seconds:g} s; "
            "look again with server.versions() or give it longer with timeout="
        )


@dataclass(eq=False)
class NothingToUndo(WorkbenchError):
    """There is no earlier state to return to."""

    model: str
    what: str

    def __str__(self) -> str:
        return f"model '{self.model}' has no earlier {self.what} to return to"


@dataclass(eq=False)
class RequestFailed(WorkbenchError):
    """The server answered with an error, or did not answer.

    ``code`` is a canonical status name: ``INVALID_ARGUMENT``, ``NOT_FOUND``, ``UNAVAILABLE`` …
    """

    code: str
    message: str

    def __str__(self) -> str:
        return f"{self.code}: {self.message}"


def _named(name: str | None) -> str:
    return "no server" if name is None else f"no server named '{name}'"


def _log(tail: str, path: Path) -> str:
    return f"Last lines of {path}:\n{tail.rstrip() or '(the log is empty)'}"
