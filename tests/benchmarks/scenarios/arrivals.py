"""How long callers wait who do not wait for each other: at half of what each server can do."""

from benchmarks import models, requests
from benchmarks.bench import Bench
from benchmarks.contenders import ECHOES, OURS, Contender
from benchmarks.open_loop import Arrivals
from benchmarks.requests import Request
from benchmarks.servers import awake

THE_PEER = "the peer"

_LOAD = 0.5
_BURST = 32
_MIXED_ROWS = (1, 1, 4, 1, 2, 1, 16, 1)


def poisson(bench: Bench) -> None:
    """Each peer at half of its own rate, and this server at the same rate and at half of its own."""
    contenders = [contender for contender in bench.contenders("grpc") if contender.name not in ECHOES]
    for contender in contenders:
        with bench.tolerance(contender.name):
            _compare(bench, contenders[0], contender, Arrivals(_half(bench, contender), bench.plan.seconds))


def bursts(bench: Bench) -> None:
    """The same rate of this server's, but in bursts that arrive at once, and with requests of many sizes."""
    ours = bench.contenders("grpc")[0]
    rate = _half(bench, ours)
    single = ours.targets["grpc"].request
    mixed = [requests.tfs("mlp", models.row("mlp").repeat(rows, 0)) for rows in _MIXED_ROWS]
    mean_rows = sum(_MIXED_ROWS) / len(_MIXED_ROWS)
    cases: dict[str, tuple[list[Request], Arrivals]] = {
        "single rows": ([single], Arrivals(rate, bench.plan.seconds)),
        f"bursts of {_BURST}": ([single], Arrivals(rate, bench.plan.seconds, burst=_BURST)),
        f"1 to {max(_MIXED_ROWS)} rows": (mixed, Arrivals(rate / mean_rows, bench.plan.seconds)),
    }
    for case, (bodies, arrivals) in cases.items():
        for contender in bench.turns([ours]):
            figures = bench.open_loop(contender.targets["grpc"].port, bodies, arrivals)
            bench.record("bursts", contender.name, case, figures)


def _half(bench: Bench, contender: Contender) -> float:
    """Of its rate at 64 callers: the one already found, or a quick look."""
    rate = bench.results.median("grpc", contender.name, "c=64", "requests_per_s")
    if rate != rate:
        with awake(contender.server):
            rate = bench.closed_loop(contender.server, 64, contender.targets["grpc"])["requests_per_s"]
    return _LOAD * rate


def _compare(bench: Bench, ours: Contender, peer: Contender, arrivals: Arrivals) -> None:
    for contender in bench.turns([ours] if peer is ours else [ours, peer]):
        target = contender.targets["grpc"]
        server = OURS if contender is ours else THE_PEER
        figures = bench.open_loop(target.port, [target.request], arrivals)
        bench.record("poisson", server, f"half of {peer.name}: {arrivals.rate:,.0f}/s", figures)
