"""Where things live on disk: one private folder per server.

::

    $WORKBENCH_HOME or ~/.local/share/serving-workbench
    └── servers/                  0700, like all below
        └── NAME/
            ├── state.json            who serves where; written by the server when ready, removed on its exit
            ├── configuration.json    what it was started with; kept for restart and comparison
            ├── models.config         the model list as the server reads it
            ├── batching.config       the batching parameters as the server reads them
            ├── token                 the bearer token, until the server is ready and has it in its state file
            ├── server.log            standard output and error of the last run
            ├── lock                  held while a start or a stop is under way
            └── grpc.sock             unless the path would be too long for a socket
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import re
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from workbench.errors import InvalidSetting

LONGEST_SOCKET_PATH = 100
"""Bytes. Linux takes 107 and macOS 103 for the path of a Unix socket."""

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")


def home() -> Path:
    """The folder that holds everything; ``$WORKBENCH_HOME`` moves it."""
    chosen = os.environ.get("WORKBENCH_HOME")
    if chosen:
        return Path(chosen).expanduser().absolute()
    data = os.environ.get("XDG_DATA_HOME") or "~/.local/share"
    return Path(data).expanduser() / "serving-workbench"


@dataclass(frozen=True, slots=True)
class ServerFolder:
    """The files of one server, by name."""

    path: Path

    @classmethod
    def of(cls, name: str) -> ServerFolder:
        """The folder of the server called ``name``; it need not exist.

        Raises :class:`InvalidSetting` for a name that is no plain file name.
        """
        if not _NAME.fullmatch(name):
            raise InvalidSetting("name", name, "use up to 64 letters, digits, '.', '_' or '-'")
        return cls(home() / "servers" / name)

    @classmethod
    def all(cls) -> list[ServerFolder]:
        """Every server folder, by name."""
        root = home() / "servers"
        return [cls(path) for path in sorted(root.iterdir()) if path.is_dir()] if root.is_dir() else []

    @property
    def name(self) -> str:
        """The server's name."""
        return self.path.name

    @property
    def state(self) -> Path:
        """The state file."""
        return self.path / "state.json"

    @property
    def configuration(self) -> Path:
        """What the server was started with."""
        return self.path / "configuration.json"

    @property
    def models(self) -> Path:
        """The model list in text-proto format."""
        return self.path / "models.config"

    @property
    def batching(self) -> Path:
        """The batching parameters in text-proto format."""
        return self.path / "batching.config"

    @property
    def token(self) -> Path:
        """The bearer token."""
        return self.path / "token"

    @property
    def log(self) -> Path:
        """Standard output and error of the last run."""
        return self.path / "server.log"

    @property
    def socket(self) -> Path:
        """The Unix socket: in the folder, or in a short private one when that path would be too long."""
        path = self.path / "grpc.sock"
        if len(os.fsencode(path)) <= LONGEST_SOCKET_PATH:
            return path
        digest = hashlib.sha256(os.fsencode(self.path)).hexdigest()[:16]
        return _short_directory() / f"{digest}.sock"

    def create(self) -> None:
        """Make the folder and those above it, readable by this user only."""
        private_directory(self.path.parent)
        private_directory(self.path)
        private_directory(self.socket.parent)

    def remove_run(self) -> None:
        """Delete what belongs to a run that is over; the log and the configuration stay."""
        for path in (self.state, self.token, self.socket):
            path.unlink(missing_ok=True)

    @contextmanager
    def locked(self, *, wait: bool = True) -> Iterator[bool]:
        """Keep other processes from starting or stopping this server meanwhile.

        Yields whether the lock was got; without ``wait`` that is False when somebody else holds it.
        """
        private_directory(self.path)
        with (self.path / "lock").open("w") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
            except BlockingIOError:
                yield False
            else:
                yield True


def private_directory(path: Path) -> None:
    """Make ``path`` a directory of mode 0700, parents as the umask says.

    Raises :class:`InvalidSetting` when it, or a link in its place, belongs to somebody else.
    """
    path.mkdir(mode=0o700, parents=True, exist_ok=True)
    if path.lstat().st_uid != os.getuid():
        raise InvalidSetting("directory", str(path), "it belongs to another user; set WORKBENCH_HOME")
    path.chmod(0o700)


def write_private(path: Path, text: str) -> None:
    """Write ``path`` whole or not at all, readable by this user only (mode 0600)."""
    descriptor, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    with os.fdopen(descriptor, "w") as file:
        file.write(text)
    Path(temporary).replace(path)


def _short_directory() -> Path:
    runtime = os.environ.get("XDG_RUNTIME_DIR")
    if runtime and Path(runtime).is_dir() and len(os.fsencode(runtime)) <= LONGEST_SOCKET_PATH - 40:
        return Path(runtime) / "serving-workbench"
    return Path("/tmp") / f"serving-workbench-{os.getuid()}"
