"""State files: which server runs where. Written by the server when it is ready, removed when it ends."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from workbench.errors import RecordInvalid
from workbench.processes import ProcessId

SCHEMA = 1

_TEXT = (str,)
_NUMBER = (int, float)
_OPTIONAL_TEXT = (str, type(None))

_TYPES: Mapping[str, tuple[type, ...]] = {
    "name": _TEXT,
    "pid": (int,),
    "start_time": _NUMBER,
    "lifetime": _TEXT,
    "owner": (dict, type(None)),
    "owner_timeout_seconds": _NUMBER,
    "idle_timeout_seconds": _NUMBER,
    "grpc_address": _OPTIONAL_TEXT,
    "grpc_socket": _OPTIONAL_TEXT,
    "rest_address": _OPTIONAL_TEXT,
    "token": _OPTIONAL_TEXT,
    "log_file": _OPTIONAL_TEXT,
    "models": (dict,),
    "python": _TEXT,
    "version": _TEXT,
    "device": _TEXT,
    "started_at": _TEXT,
    "fingerprint": _TEXT,
}


@dataclass(frozen=True, slots=True)
class Record:
    """One server as it described itself when it became ready."""

    name: str
    process: ProcessId
    lifetime: str
    owner: ProcessId | None
    owner_timeout_seconds: float
    idle_timeout_seconds: float
    grpc_address: str | None
    grpc_socket: str | None
    rest_address: str | None
    token: str | None = field(repr=False)
    log_file: str | None
    models: Mapping[str, str]
    python: str
    version: str
    device: str
    started_at: str
    fingerprint: str

    @property
    def pid(self) -> int:
        """The server's process id."""
        return self.process.pid

    @property
    def target(self) -> str:
        """Where its gRPC face is: the Unix socket when there is one, else ``host:port``."""
        return f"unix:{self.grpc_socket}" if self.grpc_socket else str(self.grpc_address)

    @property
    def addresses(self) -> tuple[str, ...]:
        """Every place it listens."""
        socket = f"unix:{self.grpc_socket}" if self.grpc_socket else None
        return tuple(place for place in (socket, self.grpc_address, self.rest_address) if place)


def read_record(path: Path) -> Record | None:
    """The record in ``path``, or ``None`` when there is no such file.

    Raises :class:`RecordInvalid` when the file says something else than a record.
    """
    try:
        content = json.loads(path.read_text())
    except FileNotFoundError:
        return None
    except (OSError, ValueError) as error:
        raise RecordInvalid(path, str(error)) from error
    return _record(path, content)


def _record(path: Path, content: Any) -> Record:
    if not isinstance(content, dict) or content.get("schema") != SCHEMA:
        raise RecordInvalid(path, f"schema {SCHEMA} expected")
    for key, types in _TYPES.items():
        if not isinstance(content.get(key), types):
            raise RecordInvalid(path, f"'{key}' is {content.get(key)!r}")
    if not (content["grpc_socket"] or content["grpc_address"]):
        raise RecordInvalid(path, "neither grpc_socket nor grpc_address is given")
    values = {key: content[key] for key in _TYPES if key not in ("pid", "start_time", "owner")}
    try:
        return Record(process=_process(content), owner=_owner(content["owner"]), **values)
    except (KeyError, TypeError, ValueError) as error:
        raise RecordInvalid(path, f"'owner' is {content['owner']!r}") from error


def _process(content: Mapping[str, Any]) -> ProcessId:
    return ProcessId(int(content["pid"]), float(content["start_time"]))


def _owner(content: Mapping[str, Any] | None) -> ProcessId | None:
    return None if content is None else _process(content)
