"""The running server as a process: who it is, where it listens, what it uses."""

from __future__ import annotations

import asyncio
import os
import sys
import time
from collections.abc import Mapping
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

import psutil

from kernel_server import __version__
from kernel_server.lifetime import Lifetime, ProcessId
from kernel_server.security.tokens import Tokens
from kernel_server.settings import Settings
from kernel_server.state_file import StateFile


class Addresses(NamedTuple):
    """Where the server listens; absent ones are ``None``."""

    grpc: str | None = None
    grpc_socket: Path | None = None
    rest: str | None = None


class ServerProcess:
    """What the control service and the state file tell of this process."""

    def __init__(self, settings: Settings, lifetime: Lifetime, device: str, tokens: Tokens | None) -> None:
        self.settings = settings
        self.lifetime = lifetime
        self.device = device
        self.id = ProcessId.of(os.getpid())
        self.addresses = Addresses()
        self.stop_requested = asyncio.Event()
        self._tokens = tokens
        self._usage = psutil.Process()
        self._ready_at: float | None = None
        self._started_at = datetime.now(UTC).isoformat(timespec="seconds")
        self._file = StateFile(settings.state_file) if settings.state_file else None
        self._models: Mapping[str, str] = {}

    @property
    def version(self) -> str:
        """The version of this package."""
        return __version__

    @property
    def ready(self) -> bool:
        """Whether the server is past its first loads and listens."""
        return self._ready_at is not None

    @property
    def uptime_seconds(self) -> float:
        """Seconds since the server became ready; 0 before."""
        return 0.0 if self._ready_at is None else time.monotonic() - self._ready_at

    @property
    def resident_bytes(self) -> int:
        """Main memory the process holds now."""
        return int(self._usage.memory_info().rss)

    @property
    def cpu_seconds(self) -> float:
        """CPU time the process has used, in user and in kernel mode."""
        times = self._usage.cpu_times()
        return float(times.user + times.system)

    def announce(self, addresses: Addresses, models: Mapping[str, str]) -> None:
        """The server is ready: write the state file. ``models`` maps names to base paths."""
        self.addresses = addresses
        self._models = dict(models)
        self._ready_at = time.monotonic()
        self._write()

    def hand_over(self, owner: ProcessId | None) -> None:
        """Let another process keep the server from now on, and tell so in the state file."""
        self.lifetime.hand_over(owner)
        self._write()

    def refresh(self) -> None:
        """What the state file tells may have changed: write it again."""
        if self.ready:
            self._write()

    def withdraw(self) -> None:
        """The server ends: remove the state file."""
        if self._file is not None:
            self._file.remove()

    def _write(self) -> None:
        if self._file is None:
            return
        settings, owner = self.settings, self.lifetime.owner
        socket, log = self.addresses.grpc_socket, settings.log_file
        self._file.write(
            {
                "name": settings.name,
                "pid": self.id.pid,
                "start_time": self.id.start_time,
                "lifetime": settings.lifetime,
                "owner": asdict(owner) if owner else None,
                "owner_timeout_seconds": self.lifetime.owner_timeout,
                "idle_timeout_seconds": self.lifetime.idle_timeout,
                "grpc_address": self.addresses.grpc,
                "grpc_socket": str(socket) if socket else None,
                "rest_address": self.addresses.rest,
                "token": self._tokens.master if self._tokens else None,
                "log_file": str(log) if log else None,
                "models": self._models,
                "python": sys.executable,
                "version": __version__,
                "device": self.device,
                "started_at": self._started_at,
                "fingerprint": settings.fingerprint,
            }
        )
