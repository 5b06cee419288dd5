"""What it costs to give a second version some of the requests, or copies of them."""

import shutil
from collections.abc import Mapping

from benchmarks import models, requests
from benchmarks.bench import Bench
from benchmarks.contenders import OURS, Ours
from benchmarks.servers import Target

ONE = "one version"
_MODELS = ("number", "mlp")
_CALLERS = 64
_SPLITS: Mapping[str, Mapping[int, float]] = {ONE: {1: 1}, "90:10": {1: 90, 2: 10}, "50:50": {1: 1, 2: 1}}


def rollouts(bench: Bench) -> None:
    """64 callers of a model that costs nothing and of the ``mlp``, each in two equal versions."""
    base_paths = {name: bench.models / f"two-{name}" for name in _MODELS}
    for name, base_path in base_paths.items():
        for version in ("1", "2"):
            shutil.copytree(bench.models / name / "1", base_path / version)
    with bench.ours(base_paths) as ours:
        for _ in range(bench.plan.repeats):
            for name in _MODELS:
                _measure(bench, ours, name)


def _measure(bench: Bench, ours: Ours, name: str) -> None:
    target = Target(ours.grpc, requests.tfs(name, models.row(name)))
    for case, weights in _SPLITS.items():
        ours.server.wait_for(Target(ours.grpc, requests.split(name, weights)))
        bench.record("rollouts", f"{OURS}: {name}", case, bench.closed_loop(ours.server, _CALLERS, target))
    Target(ours.grpc, requests.split(name, _SPLITS[ONE])).call()
    Target(ours.grpc, requests.shadow(name, 2)).call()
    figures = bench.closed_loop(ours.server, _CALLERS, target)
    bench.record("rollouts", f"{OURS}: {name}", "the other in the shadow", figures)
    Target(ours.grpc, requests.shadow(name, None)).call()
