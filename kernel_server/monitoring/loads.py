"""How often versions were loaded, and for how long."""

from __future__ import annotations

import threading
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from kernel_server.core.servable import ServableId
from kernel_server.monitoring.families import Family, counter


@dataclass(slots=True)
class _Loads:
    path: Path = field(default_factory=Path)
    succeeded: int = 0
    failed: int = 0
    micros: int = 0


class Loads:
    """Counters of every version that is loaded, or failed to load. Thread-safe."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._loads: defaultdict[ServableId, _Loads] = defaultdict(_Loads)

    def count(self, servable: ServableId, path: Path, seconds: float, *, succeeded: bool) -> None:
        """Count one attempt; only those that succeed count by their time, too."""
        with self._lock:
            found = self._loads[servable]
            found.path = path
            found.succeeded += succeeded
            found.failed += not succeeded
            found.micros += int(seconds * 1e6) if succeeded else 0

    def forget(self, servable: ServableId) -> None:
        """Drop the counters of a version that was unloaded."""
        with self._lock:
            self._loads.pop(servable, None)

    def families(self) -> Iterator[Family]:
        """Everything counted so far, in TensorFlow's words."""
        with self._lock:
            loads = [(str(found.path), found) for found in self._loads.values()]
            attempts = [
                ({"model_path": path, "status": status}, count)
                for path, found in loads
                for status, count in (("success", found.succeeded), ("fail", found.failed))
                if count
            ]
            latencies = [({"model_path": path}, found.micros) for path, found in loads if found.succeeded]
        prefix = "/tensorflow/cc/saved_model/"
        yield counter(prefix + "load_attempt_count", "Attempts to load a version.", attempts)
        yield counter(
            prefix + "load_latency", "Microseconds that loading a version took; successes only.", latencies
        )
