"""One measured load: what was asked of the server, what it answered and how far to trust that."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from workbench.load.histogram import LatencyHistogram
from workbench.load.result import LoadResult
from workbench.load.verdict import Judgement, Verdict

_NOT_SUSTAINED = frozenset({Verdict.SATURATED, Verdict.FAILING})


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerSplit:
    """Where the server spent the time of a point, by its own clock: means per request in milliseconds."""

    decode_ms: float
    queue_ms: float
    assemble_ms: float
    compute_ms: float
    encode_ms: float
    total_ms: float
    batches: int
    mean_batch: float
    """Rows per executed batch, before padding."""

    padding: float
    """Share of the executed rows that was padding."""

    cpu_cores: float
    """Cores the server's process kept busy."""

    close_reasons: Mapping[str, int]
    """Batches by why they closed: full, timeout, idle, drain."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Point:
    """One measured load. Latencies run from the time a request was due; they are ``None`` without a success.

    ``offered_rate`` is set in open loop, ``concurrency`` in closed loop. ``achieved_rate`` counts good
    replies a second, ``goodput`` those within the SLO (``None`` without one).
    """

    offered_rate: float | None = None
    concurrency: int | None = None
    achieved_rate: float
    goodput: float | None = None
    p50_ms: float | None
    p90_ms: float | None
    p95_ms: float | None
    p99_ms: float | None
    mean_ms: float | None
    max_ms: float | None
    from_send_p50_ms: float | None
    from_send_p99_ms: float | None
    send_lag_p99_ms: float | None
    verdict: Verdict
    reason: str
    duration_s: float
    due: int
    sent: int
    succeeded: int
    skipped: int = 0
    unfinished: int = 0
    shed: int = 0
    errors: Mapping[str, int] = field(default_factory=dict)
    versions: Mapping[int, int] = field(default_factory=dict)
    checked: int = 0
    misrouted: int = 0
    generation: int | None = None
    server: ServerSplit | None = None
    histogram: str = ""
    """All latencies, in HdrHistogram's compressed form."""

    @classmethod
    def measured(
        cls,
        result: LoadResult,
        judgement: Judgement,
        *,
        rate: float | None = None,
        concurrency: int | None = None,
        slo_ms: float | None = None,
        generation: int | None = None,
        server: ServerSplit | None = None,
    ) -> Point:
        """The point that one run of load amounts to."""
        latency = result.histogram()
        from_send = LatencyHistogram.decode(result.latency_from_send)
        lag = LatencyHistogram.decode(result.send_lag)
        return cls(
            offered_rate=rate,
            concurrency=concurrency,
            achieved_rate=result.completed / result.duration_s,
            goodput=None if slo_ms is None else result.completed_in_slo / result.duration_s,
            p50_ms=_percentile(latency, 50),
            p90_ms=_percentile(latency, 90),
            p95_ms=_percentile(latency, 95),
            p99_ms=_percentile(latency, 99),
            mean_ms=latency.mean_ms if latency.count else None,
            max_ms=latency.max_ms if latency.count else None,
            from_send_p50_ms=_percentile(from_send, 50),
            from_send_p99_ms=_percentile(from_send, 99),
            send_lag_p99_ms=_percentile(lag, 99),
            verdict=judgement.verdict,
            reason=judgement.reason,
            duration_s=result.duration_s,
            due=result.due,
            sent=result.sent,
            succeeded=result.succeeded,
            skipped=result.skipped,
            unfinished=result.unfinished,
            shed=result.shed,
            errors=dict(result.errors),
            versions=dict(result.versions),
            checked=result.checked,
            misrouted=result.misrouted,
            generation=generation,
            server=server,
            histogram=result.latency,
        )

    @property
    def failed(self) -> int:
        """Requests that ended with an error, sheds included."""
        return sum(self.errors.values())

    @property
    def sustained(self) -> bool:
        """Whether the server can go on like this, at this latency or a better one.

        That includes generator-limited points: a late generator makes latencies look longer, never shorter.
        """
        return self.verdict not in _NOT_SUSTAINED


def _percentile(histogram: LatencyHistogram, percent: float) -> float | None:
    return histogram.percentile_ms(percent) if histogram.count else None


def milliseconds(value: float | None) -> str:
    """A latency for people: three digits, or a dash when there is none."""
    return "-" if value is None else f"{value:.3g}" if value < 100 else f"{value:,.0f}"
