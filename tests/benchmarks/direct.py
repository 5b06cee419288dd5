"""What the model costs: ``python -m benchmarks.direct VERSION_FOLDER BATCH ...`` tells rows/s by batch size.

It is called in a loop, as this server's batches call it; nobody who serves it can be faster on the same core.
"""

import json
import subprocess
import sys
from pathlib import Path
from time import perf_counter

import numpy as np

SECONDS = 1.0


def rows_per_second(version: Path, batches: tuple[int, ...], core: int) -> dict[int, float]:
    """Measured in a process of its own on that core."""
    command = ["taskset", "-c", str(core), sys.executable, "-m", "benchmarks.direct", str(version)]
    command += map(str, batches)
    output = subprocess.run(command, check=True, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL).stdout
    return {int(batch): rate for batch, rate in json.loads(output).items()}


def _measure(version: Path, batches: list[int]) -> dict[int, float]:
    from kernel_server.core.servable import ServableId
    from kernel_server.servables.saved_model import platform
    from kernel_server.settings import Settings

    settings = Settings(model_base_path=str(version.parent), device="cpu")
    run = platform(settings)(ServableId("mlp", 1), version).load().runner("serving_default", ["y"])
    rates = {}
    for batch in batches:
        rows = np.zeros((batch, 784), np.float32)
        run([rows])
        calls, begin = 0, perf_counter()
        while (took := perf_counter() - begin) < SECONDS:
            run([rows])
            calls += 1
        rates[batch] = calls * batch / took
    return rates


if __name__ == "__main__":
    print(json.dumps(_measure(Path(sys.argv[1]), [int(batch) for batch in sys.argv[2:]])))
