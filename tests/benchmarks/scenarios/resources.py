"""What this server makes of another core, and of memory."""

import subprocess
import sys
from pathlib import Path

from benchmarks import models, requests
from benchmarks.bench import Bench
from benchmarks.closed_loop import H2Load
from benchmarks.contenders import OURS
from benchmarks.servers import Target, awake

_SAMPLES = 10
_REQUESTS = {"mlp": (100_000, "3 kB"), "image": (20_000, "600 kB")}
"""By model: how many, of which size."""

_IMPORT = "import tensorflow, psutil; print(psutil.Process().memory_info().rss)"


def cores(bench: Bench) -> None:
    """One core and two, from which the load takes what it needs if there is no third."""
    mlp = {"mlp": bench.models / "mlp"}
    core = bench.plan.core
    with bench.ours(mlp) as one, bench.ours(mlp, f"{core},{core + 1}") as two:
        for ours in (one, two):
            ours.server.suspend()
        for _ in range(bench.plan.repeats):
            for case, ours in (("1 core", one), ("2 cores", two)):
                with awake(ours.server):
                    target = Target(ours.grpc, requests.tfs("mlp", models.row("mlp")))
                    bench.record("cores", OURS, case, bench.closed_loop(ours.server, 64, target))


def memory(bench: Bench) -> None:
    """Resident size at the start and while requests pass, against TensorFlow's own and the models' files."""
    names = ("mlp", "cnn", "image")
    paths = {name: bench.models / name for name in names}
    with bench.ours(paths) as ours:
        imported = subprocess.run([sys.executable, "-c", _IMPORT], check=True, capture_output=True).stdout
        bench.record("memory", "import tensorflow", "resident", {"mb": int(imported) / 1e6})
        files = sum(_size(path) for path in paths.values())
        bench.record("memory", "the models' files", "resident", {"mb": files / 1e6})
        bench.record("memory", OURS, "at the start", {"mb": ours.server.resident_bytes() / 1e6})
        for name, (count, size) in _REQUESTS.items():
            target = Target(ours.grpc, requests.tfs(name, models.row(name)))
            part = bench.plan.some(count) // _SAMPLES
            for number in range(1, _SAMPLES + 1):
                H2Load(target, 16, core=bench.plan.load_core, count=part).latencies_ms()
                case = f"after {number * part:,} of {size}"
                bench.record("memory", OURS, case, {"mb": ours.server.resident_bytes() / 1e6})


def _size(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
