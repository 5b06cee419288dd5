"""What the server is meant to reach against the others of the same run, and what it did reach."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from math import isnan
from statistics import median

from benchmarks.contenders import ECHO, OURS, PEERS
from benchmarks.results import Results
from benchmarks.scenarios.arrivals import THE_PEER
from benchmarks.scenarios.closed import MODEL
from benchmarks.scenarios.resources import FLOOR, FREE, FRONT_END, ONE_CORE, SIZES, START
from benchmarks.scenarios.sharing import ALONE, APART, LOADING, SATURATED


@dataclass(frozen=True, slots=True)
class Goal:
    """``reached`` should be at least, or at most, the ``limit``."""

    claim: str
    reached: float
    limit: float
    at_least: bool = True
    unit: str = ""

    @property
    def sign(self) -> str:
        """Of the limit."""
        return "≥" if self.at_least else "≤"

    @property
    def verdict(self) -> str:
        """Whether it is met."""
        return "yes" if (self.reached >= self.limit) is self.at_least else "**no**"


def goals(results: Results) -> list[Goal]:
    """Those that the measured scenarios tell of; all ratios are of medians."""
    found = [*_rates(results), *_shares(results), *_waits(results), *_memory(results)]
    return [goal for goal in found if not isnan(goal.reached)]


def _rates(results: Results) -> Iterator[Goal]:
    others = [peer for peer in PEERS if peer != "torchserve"]
    limits = ("c=1", PEERS, 2.5), ("c=16", PEERS, 2.0), ("c=64", ("torchserve",), 1.0), ("c=64", others, 1.4)
    for case, peers, limit in limits:
        ratio, best = _ahead(results, "grpc", case, peers)
        yield Goal(f"gRPC, {case}: requests/s against the best peer ({best})", ratio, limit)
    for case in results.cases("rest"):
        ratio, best = _ahead(results, "rest", case, PEERS)
        yield Goal(f"JSON, {case}: requests/s against the best peer ({best})", ratio, 3.0)
    for case in results.cases("large"):
        ratio, _ = _ahead(results, "large", case, (ECHO,))
        yield Goal(f"600 kB, {case}: requests/s against the echo", ratio, 0.7)
    one, two = (results.median("cores", FREE, case, "requests_per_s") for case in (ONE_CORE, FRONT_END))
    yield Goal(f"{FREE}: requests/s on {FRONT_END}, against {ONE_CORE}", two / one, 1.6)


def _shares(results: Results) -> Iterator[Goal]:
    ours, echo = (results.median("grpc", server, "c=64", "cpu_us") for server in (OURS, ECHO))
    model = results.median("direct", MODEL, "batch 32", "cpu_us")
    claim = "gRPC, c=64: CPU per request against echo plus model"
    yield Goal(claim, ours / (echo + model), 1.35, at_least=False)


def _waits(results: Results) -> Iterator[Goal]:
    for case in results.cases("poisson"):
        ours, peer = (results.median("poisson", server, case, "p99_ms") for server in (OURS, THE_PEER))
        yield Goal(f"p99 at {case} against that peer's", ours / peer, 0.5, at_least=False)
    alone = results.median("neighbours", OURS, ALONE, "p99_ms")
    for case in (SATURATED, LOADING, APART):
        p99 = results.median("neighbours", OURS, case, "p99_ms")
        yield Goal(f"p99 at 20 requests/s, {case}, against alone", p99 / alone, 2.0, at_least=False)


def _memory(results: Results) -> Iterator[Goal]:
    for size in SIZES:
        cases = [case for case in results.cases("memory") if case.endswith(f" of {size}")]
        resident = [results.median("memory", OURS, case, "resident_mb") for case in cases]
        earlier = resident[: len(resident) // 2]
        if earlier:
            claim = f"memory {cases[-1]}, beyond the median of the first half"
            yield Goal(claim, resident[-1] - median(earlier), 2.5, False, " MB")
    ours, floor = (results.median("memory", server, START, "resident_mb") for server in (OURS, FLOOR))
    yield Goal("resident beyond TensorFlow and the models", ours - floor, 100.0, False, " MB")


def _ahead(results: Results, scenario: str, case: str, others: Iterable[str]) -> tuple[float, str]:
    """How many times as fast as the best of the others, and which that is; NaN without any."""
    rates = {other: results.median(scenario, other, case, "requests_per_s") for other in others}
    rates = {other: rate for other, rate in rates.items() if not isnan(rate)}
    best = max(rates, key=rates.__getitem__, default="none")
    return results.median(scenario, OURS, case, "requests_per_s") / rates.get(best, float("nan")), best
