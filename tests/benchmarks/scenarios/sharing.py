"""Many models in one server, and what one of them has to suffer from the others."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from time import sleep

from benchmarks import models, requests
from benchmarks.bench import Bench
from benchmarks.closed_loop import H2Load
from benchmarks.contenders import OURS, Ours
from benchmarks.open_loop import Arrivals, OpenLoop
from benchmarks.servers import Target

ALONE, SATURATED, LOADING = "alone", "neighbour saturated", "neighbour loading"
APART = "neighbour loading apart"

_MODELS = 8
_CALLERS = 64
_QUIET_RATE = 20.0
_QUIET_SECONDS = 5
"""Times the seconds of other measurements: p99 needs some hundred requests."""


def many(bench: Bench) -> None:
    """The same callers at one model and spread over eight."""
    names = [f"mlp{number}" for number in range(_MODELS)]
    with bench.ours(dict.fromkeys(names, bench.models / "mlp")) as ours:
        targets = [Target(ours.grpc, requests.tfs(name, models.row("mlp"))) for name in names]
        for _ in range(bench.plan.repeats):
            for case, count in (("1 model", 1), (f"{_MODELS} models", _MODELS)):
                figures = bench.closed_loop(ours.server, _CALLERS // count, *targets[:count])
                bench.record("many", OURS, case, figures)


def neighbours(bench: Bench) -> None:
    """A model with 20 requests/s: alone, beside one that is saturated, beside one that loads versions.

    The last one does so in the server or apart, in processes of their own.
    """
    mlp, growing = bench.models / "mlp", {LOADING: bench.models / "growing", APART: bench.models / "apart"}
    for base_path in growing.values():
        shutil.copytree(bench.models / "cnn", base_path)
    served = {"quiet": mlp, "busy": mlp} | {base_path.name: base_path for base_path in growing.values()}
    with bench.ours(served, "", "--isolated_models=apart") as ours:
        for _ in range(bench.plan.repeats):
            _record(bench, ALONE, _quiet(bench, ours))
            with _saturated(bench, ours):
                _record(bench, SATURATED, _quiet(bench, ours))
            for case, base_path in growing.items():
                run = _quiet(bench, ours)
                while not run.over:
                    _load_next(ours, base_path, bench.models / "cnn" / "1")
                _record(bench, case, run)


def _record(bench: Bench, case: str, run: OpenLoop) -> None:
    bench.record("neighbours", OURS, case, run.figures())


def _quiet(bench: Bench, ours: Ours) -> OpenLoop:
    arrivals = Arrivals(_QUIET_RATE, _QUIET_SECONDS * bench.plan.seconds)
    request = requests.tfs("quiet", models.row("mlp"))
    return OpenLoop(ours.grpc, [request], arrivals, core=bench.plan.load_core)


@contextmanager
def _saturated(bench: Bench, ours: Ours) -> Iterator[None]:
    """Its generator gives way to the quiet one, so that what suffers does so in the server."""
    target = Target(ours.grpc, requests.tfs("busy", models.row("mlp")))
    run = H2Load(target, _CALLERS, core=bench.plan.load_core, seconds=3600, nice=19)
    try:
        yield
    finally:
        run.stop()


def _load_next(ours: Ours, base_path: Path, version: Path) -> None:
    """Put one more version there and wait until it serves."""
    number = 1 + max(int(path.name) for path in base_path.iterdir() if path.name.isdigit())
    shutil.copytree(version, base_path / "partial")
    (base_path / "partial").rename(base_path / str(number))
    state = Target(ours.rest, requests.status(f"{base_path.name}/versions/{number}"))
    while b'"AVAILABLE"' not in ours.server.wait_for(state):
        sleep(0.05)
