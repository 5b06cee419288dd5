"""Where and with which versions a run was made."""

from __future__ import annotations

import os
import platform
import subprocess
import sys
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path

from benchmarks.contenders import ENTRIES, OURS

_VERSIONS = "import sys; from importlib.metadata import version; print(*map(version, sys.argv[1:]))"
_OUR_PACKAGES = ("serving-workbench", "tensorflow", "grpcio", "numpy")


def facts(pythons: Mapping[str, str]) -> dict[str, str]:
    """Date, processor, system, and the versions of everyone."""
    return {
        "date": f"{datetime.now():%Y-%m-%d %H:%M}",
        "processor": f"{_processor()}, {os.cpu_count()} cores",
        "system": f"{platform.system()} {platform.release()}, Python {platform.python_version()}",
        "load": subprocess.run(
            ["h2load", "--version"], check=True, capture_output=True, text=True
        ).stdout.strip(),
        OURS: _versions(sys.executable, *_OUR_PACKAGES),
        **{
            name: _versions(python, ENTRIES[name].package, "tensorflow-cpu")
            for name, python in pythons.items()
        },
    }


def _processor() -> str:
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    names = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(names, platform.machine())


def _versions(python: str, *packages: str) -> str:
    command = [python, "-c", _VERSIONS, *packages]
    versions = subprocess.run(command, check=True, capture_output=True, text=True).stdout.split()
    return ", ".join(f"{package} {version}" for package, version in zip(packages, versions, strict=True))
