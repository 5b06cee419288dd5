"""Everything that can be measured, by name."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from benchmarks.bench import Bench
from benchmarks.scenarios import arrivals, closed, payloads, resources, rollouts, sharing

_RATES = "{requests_per_s:,.0f} ({p50_ms:.2f}; {p99_ms:.2f}; {cpu_us:,.0f})"
_RATES_LEGEND = "requests/s (p50 ms; p99 ms; CPU µs per request)"
_DIRECT_LEGEND = "rows/s (CPU µs per row)"
_WAITS = "{p50_ms:.2f}; {p99_ms:.2f} ({lag_p99_ms:.2f}; {lost_percent:.1f} %)"
_WAITS_LEGEND = "p50 ms; p99 ms (of which p99 of the client's lag; requests lost)"


@dataclass(frozen=True, slots=True)
class Scenario:
    """What it measures, and how the report shows one measurement: ``cell`` with a ``legend``."""

    name: str
    title: str
    run: Callable[[Bench], None]
    cell: str = _RATES
    legend: str = _RATES_LEGEND


SCENARIOS = {
    scenario.name: scenario
    for scenario in (
        Scenario("direct", "No server", closed.direct, "{rows_per_s:,.0f} ({cpu_us:,.1f})", _DIRECT_LEGEND),
        Scenario("grpc", "One row over gRPC, callers that wait", closed.grpc),
        Scenario("rest", "One row as JSON, callers that wait", closed.rest),
        Scenario("poisson", "Independent callers at half load", arrivals.poisson, _WAITS, _WAITS_LEGEND),
        Scenario("bursts", "Bursts and requests of many sizes", arrivals.bursts, _WAITS, _WAITS_LEGEND),
        Scenario("large", "600 kB there and back", payloads.large),
        Scenario("formats", "Other requests and models", payloads.formats),
        Scenario("many", "Eight models at once", sharing.many),
        Scenario("neighbours", "20 requests/s beside a neighbour", sharing.neighbours, _WAITS, _WAITS_LEGEND),
        Scenario("rollouts", "Two versions at once", rollouts.rollouts),
        Scenario("cores", "More cores", resources.cores),
        Scenario("memory", "Resident memory", resources.memory, "{resident_mb:,.1f}", "MB"),
    )
}
