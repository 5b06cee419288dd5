"""How fast a row comes back to callers who wait: everybody's protocol, side by side."""

from benchmarks.bench import Bench
from benchmarks.direct import rows_per_second

CALLERS = (1, 16, 64)
BATCHES = (1, 32, 128)
MODEL = "the model alone"


def direct(bench: Bench) -> None:
    """The model in a loop, without any server: the share of a request that no server can save."""
    for batch, rate in rows_per_second(bench.models / "mlp" / "1", BATCHES, bench.plan.core).items():
        bench.record("direct", MODEL, f"batch {batch}", {"rows_per_s": rate, "cpu_us": 1e6 / rate})


def grpc(bench: Bench) -> None:
    """Binary tensors, 3.2 kB a row."""
    _compare(bench, "grpc", "grpc")


def rest(bench: Bench) -> None:
    """JSON, 7.8 kB a row."""
    _compare(bench, "rest", "json")


def _compare(bench: Bench, scenario: str, kind: str) -> None:
    contenders = bench.contenders(kind)
    for callers in CALLERS:
        for contender in bench.turns(contenders):
            with bench.tolerance(contender.name):
                figures = bench.closed_loop(contender.server, callers, contender.targets[kind])
                bench.record(scenario, contender.name, f"c={callers}", figures)
