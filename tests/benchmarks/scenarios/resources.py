"""What this server makes of another core, and of memory."""

import subprocess
import sys
from contextlib import ExitStack
from pathlib import Path

from benchmarks import models, requests
from benchmarks.bench import Bench
from benchmarks.closed_loop import H2Load
from benchmarks.contenders import OURS, Ours
from benchmarks.servers import Target, awake

ONE_CORE, TWO_CORES, FRONT_END = "1 core", "2 cores", "2 cores, a front end"
SERIAL = "2 cores, operations on one"
FREE, DEAR = "a model that costs nothing", "MobileNetV2, 96x96"
START = "at the start"
FLOOR = "import tensorflow, plus the models' files"

SIZES = {"3 kB": ("mlp", 100_000), "600 kB": ("image", 20_000)}
"""Of requests: to which model, and how many."""

_SAMPLES = 10
_IMPORT = "import tensorflow, psutil; print(psutil.Process().memory_info().rss)"


def cores(bench: Bench) -> None:
    """One core and two, from which the load takes what it needs if there is no third.

    For a model that costs nothing they have the way to it to share, for a dear one the model.
    """
    one, two = str(bench.plan.core), f"{bench.plan.core},{bench.plan.core + 1}"
    places = {
        ONE_CORE: (one,),
        TWO_CORES: (two,),
        FRONT_END: (two, "--grpc_front_ends=1"),
        SERIAL: (two, "--tensorflow_intra_op_parallelism=1"),
    }
    names = {FREE: "number", DEAR: "cnn"}
    base_paths = {name: bench.models / name for name in names.values()}
    with ExitStack() as stack:
        servers: dict[str, Ours] = {}
        for case, where in places.items():
            servers[case] = stack.enter_context(bench.ours(base_paths, *where))
            servers[case].server.suspend()
        for _ in range(bench.plan.repeats):
            for model, name in names.items():
                for case, ours in servers.items():
                    with awake(ours.server):
                        target = Target(ours.grpc, requests.tfs(name, models.row(name)))
                        bench.record("cores", model, case, bench.closed_loop(ours.server, 64, target))


def memory(bench: Bench) -> None:
    """Resident size at the start and while requests pass, against TensorFlow's own and the models' files."""
    paths = {name: bench.models / name for name in ("mlp", "cnn", "image")}
    imported = subprocess.check_output([sys.executable, "-c", _IMPORT], stderr=subprocess.DEVNULL)
    floor = (int(imported) + sum(_size(path) for path in paths.values())) / 1e6
    bench.record("memory", FLOOR, START, {"resident_mb": floor})
    with bench.ours(paths) as ours:
        bench.record("memory", OURS, START, {"resident_mb": ours.server.resident_mb()})
        for size, (name, count) in SIZES.items():
            target = Target(ours.grpc, requests.tfs(name, models.row(name)))
            part = bench.plan.some(count) // _SAMPLES
            for number in range(1, _SAMPLES + 1):
                H2Load(target, 16, core=bench.plan.load_core, count=part).latencies_ms()
                case = f"after {number * part:,} of {size}"
                bench.record("memory", OURS, case, {"resident_mb": ours.server.resident_mb()})


def _size(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
