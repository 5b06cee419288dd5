"""Under which conditions something was measured: what another person needs to repeat and to doubt it."""

from __future__ import annotations

import os
import platform
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, Self

SCHEMA = 1
"""Of stored curves. A reader refuses higher numbers."""

_PACKAGES = ("serving-workbench", "numpy", "hdrhistogram", "protobuf", "tensorflow", "tensorflow-cpu")


@dataclass(frozen=True, slots=True, kw_only=True)
class Provenance:
    """The conditions of one curve. Holds no host name, user name or path.

    ``None`` stands for what the target does not tell: servers other than ours have no control service.
    """

    model: str
    signature: str = ""
    model_version: int | None = None
    """The live version when the measurement began."""

    server: str | None = None
    device: str | None = None
    batching: Mapping[str, Any] | None = None
    """The parameters in force; ``None`` also when the model was served unbatched."""

    generation: int | None = None
    """How often they had been replaced."""

    transport: str
    """``unix`` or ``tcp``."""

    arrivals: str
    seed: int
    duration_s: float
    warmup_s: float
    deadline_s: float
    max_in_flight: int
    connections: int
    rows_per_request: int
    distinct_requests: int

    measured_at: str = field(default_factory=lambda: datetime.now(UTC).isoformat(timespec="seconds"))
    cpu: str = field(default_factory=lambda: _cpu())
    cores: int = field(default_factory=lambda: _cores())
    system: str = field(default_factory=lambda: f"{platform.system()} {platform.machine()}")
    python: str = field(default_factory=platform.python_version)
    packages: Mapping[str, str] = field(default_factory=lambda: _versions())

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        return asdict(self)

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Self:
        """The provenance that :meth:`to_dict` wrote; fields of a later program are left out."""
        known = {field.name for field in fields(cls)}
        return cls(**{name: value for name, value in values.items() if name in known})


def _cpu() -> str:
    info = Path("/proc/cpuinfo")
    lines = info.read_text().splitlines() if info.exists() else []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor() or platform.machine()


def _cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _versions() -> dict[str, str]:
    found = {}
    for package in _PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            continue
    return found
