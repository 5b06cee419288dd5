"""What one run of load found, as it crosses from the generator's process to its caller."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field

from workbench.load.histogram import LatencyHistogram
from workbench.load.status import OVERLOAD, SHED


@dataclass(frozen=True, slots=True)
class Window:
    """One slice of the measured time: the requests sent in it, their latencies from the actual send."""

    start_s: float
    answered: int
    p50_ms: float
    p99_ms: float


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadResult:
    """Counts and latencies of the requests that were due in the measured time.

    ``due = sent + skipped`` and ``sent = succeeded + failures + unfinished``, the failures being the sum
    of ``errors``. ``completed`` and ``completed_in_slo`` count good replies that *arrived* in the measured
    time instead, whenever they were due; divided by ``duration_s`` they are throughput and goodput.
    ``latency`` runs from the time a request was due, ``latency_from_send`` from when it left,
    ``send_lag`` is the difference; all three are encoded
    :class:`~workbench.load.histogram.LatencyHistogram`.
    """

    mode: str
    duration_s: float
    due: int
    sent: int
    skipped: int
    succeeded: int
    unfinished: int
    completed: int
    completed_in_slo: int
    errors: Mapping[str, int]
    error_messages: Mapping[str, str]
    latency: str
    latency_from_send: str
    send_lag: str
    windows: tuple[Window, ...] = ()
    versions: Mapping[int, int] = field(default_factory=dict)
    checked: int = 0
    misrouted: int = 0
    generator_cpu_s: float = 0.0

    @property
    def failed(self) -> int:
        """Requests that ended with an error, sheds included."""
        return sum(self.errors.values())

    @property
    def overloaded(self) -> int:
        """Requests refused, or not answered in time."""
        return sum(count for code, count in self.errors.items() if code in OVERLOAD)

    @property
    def shed(self) -> int:
        """Requests that the server refused to protect itself."""
        return sum(count for code, count in self.errors.items() if code in SHED)

    def to_json(self) -> str:
        """One line."""
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, text: str) -> LoadResult:
        """The result that :meth:`to_json` wrote."""
        values = json.loads(text)
        values["windows"] = tuple(Window(**window) for window in values["windows"])
        values["versions"] = {int(version): count for version, count in values["versions"].items()}
        return cls(**values)

    def histogram(self) -> LatencyHistogram:
        """Latencies from the time each request was due."""
        return LatencyHistogram.decode(self.latency)


@dataclass(frozen=True, slots=True)
class Progress:
    """A glance at a run under way; rate and latencies are those since the glance before."""

    phase: str
    elapsed_s: float
    total_s: float
    completed: int
    failed: int
    in_flight: int
    rate: float
    p50_ms: float | None
    p99_ms: float | None
