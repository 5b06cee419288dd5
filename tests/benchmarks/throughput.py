"""Single-row Predict in closed loop: this server, a bare grpcio echo, and other servers if given, in one run.

    python tests/benchmarks/throughput.py --seconds 5 --repeat 3
    python tests/benchmarks/throughput.py --other "name=python peer.py --model {model} --port {port}"

Servers run on core 0 and the load on core 1; rounds alternate between the contenders, so that what else
the machine does hits all of them; the table shows medians and ratios to the echo. Load comes from h2load
(Debian: nghttp2-client), which replays one request over as many connections as there are callers.
``cpu`` is the server's CPU time per request, ``{model}`` the version folder of the model.
"""

import argparse
import platform
import re
import shlex
import statistics
import struct
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path

import grpc
import mlp
import numpy as np
import psutil

from workbench.wire.codec import encode_predict

METHOD = "/tensorflow.serving.PredictionService/Predict"
BATCHING = """max_batch_size { value: 32 } batch_timeout_micros { value: 2000 }
max_enqueued_batches { value: 100 } num_batch_threads { value: 1 }"""


@dataclass
class Contender:
    """A server under test; figures by number of callers."""

    name: str
    command: list[str]
    port: int
    rates: dict[int, list[float]] = field(default_factory=dict)
    means_ms: dict[int, list[float]] = field(default_factory=dict)
    cpu_micros: dict[int, list[float]] = field(default_factory=dict)


def main() -> None:
    arguments = parse()
    with tempfile.TemporaryDirectory() as folder:
        model = Path(folder, "mlp")
        mlp.export(model)
        body = encode_predict("mlp", {"x": np.linspace(0, 1, 784, dtype=np.float32)[None]})
        request = Path(folder, "request")
        request.write_bytes(b"\0" + struct.pack(">I", len(body)) + body)
        contenders = line_up(arguments.other, model, Path(folder))
        processes = [start(contender) for contender in contenders]
        try:
            for contender in contenders:
                wait_until_ready(contender, body)
            for callers in arguments.callers:
                for _ in range(arguments.repeat):
                    for contender, process in zip(contenders, processes, strict=True):
                        measure(contender, process, callers, request, arguments)
        finally:
            for process in processes:
                process.terminate()
                process.wait(30)
        report(contenders, arguments.callers, model)


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--callers", type=int, nargs="+", default=[1, 16, 64])
    parser.add_argument("--seconds", type=int, default=5)
    parser.add_argument("--repeat", type=int, default=3)
    parser.add_argument("--other", action="append", default=[], metavar="NAME=COMMAND")
    parser.add_argument("--cores", default="0,1", help="core of the servers, core of the load")
    return parser.parse_args()


def line_up(others: list[str], model: Path, folder: Path) -> list[Contender]:
    batching = folder / "batching.txt"
    batching.write_text(BATCHING)
    here, port = Path(__file__).parent, 18500
    ours = [sys.executable, "-m", "kernel_server", f"--port={port}", "--host=127.0.0.1", "--model_name=mlp"]
    ours += [f"--model_base_path={model}", "--enable_batching", f"--batching_parameters_file={batching}"]
    contenders = [
        Contender("this server", ours, port),
        Contender("bare grpcio echo", [sys.executable, str(here / "grpc_echo.py"), str(port + 1)], port + 1),
    ]
    for number, other in enumerate(others, port + 2):
        name, _, command = other.partition("=")
        contenders.append(
            Contender(name, shlex.split(command.format(model=model / "1", port=number)), number)
        )
    return contenders


def start(contender: Contender) -> psutil.Popen:
    command = ["taskset", "-c", cores()[0], *contender.command]
    return psutil.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def cores() -> list[str]:
    return parse().cores.split(",")


def wait_until_ready(contender: Contender, body: bytes) -> None:
    with grpc.insecure_channel(f"127.0.0.1:{contender.port}") as channel:
        channel.unary_unary(METHOD)(body, timeout=120, wait_for_ready=True)


def measure(
    contender: Contender,
    process: psutil.Popen,
    callers: int,
    request: Path,
    arguments: argparse.Namespace,
) -> None:
    before = cpu_seconds(process)
    began = time.monotonic()
    command = ["taskset", "-c", cores()[1], "h2load", "-t", "1", "-c", str(callers), "-m", "1"]
    command += ["-D", str(arguments.seconds), "--warm-up-time", "1", "-d", str(request)]
    command += ["-H", "content-type: application/grpc", "-H", "te: trailers"]
    command.append(f"http://127.0.0.1:{contender.port}{METHOD}")
    output = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    elapsed = time.monotonic() - began
    rate = int(re.search(r"(\d+) succeeded", output)[1]) / arguments.seconds
    # Column four of h2load's summary line is the mean; with one request per connection in flight the
    # median is within a few percent of callers / rate.
    contender.rates.setdefault(callers, []).append(rate)
    contender.means_ms.setdefault(callers, []).append(1000 * callers / rate if rate else float("nan"))
    used = cpu_seconds(process) - before
    contender.cpu_micros.setdefault(callers, []).append(1e6 * used / (rate * elapsed) if rate else 0.0)


def cpu_seconds(process: psutil.Popen) -> float:
    times = [process.cpu_times(), *(child.cpu_times() for child in process.children(recursive=True))]
    return sum(t.user + t.system for t in times)


def report(contenders: list[Contender], callers: list[int], model: Path) -> None:
    echo = contenders[1]
    print(f"{date.today()}, {cpu_model()}, Python {platform.python_version()}, servers on one core\n")
    print("| requests/s (x echo; mean ms; cpu us) |" + "".join(f" {count} callers |" for count in callers))
    print("|---|" + "---|" * len(callers))
    for contender in contenders:
        cells = []
        for count in callers:
            rate = statistics.median(contender.rates[count])
            ratio = rate / statistics.median(echo.rates[count])
            ms = statistics.median(contender.means_ms[count])
            cpu = statistics.median(contender.cpu_micros[count])
            cells.append(f" {rate:,.0f} ({ratio:.2f}x; {ms:.2f}; {cpu:.0f}) |")
        print(f"| {contender.name} |" + "".join(cells))
    psutil.Process().cpu_affinity([int(cores()[0])])
    alone = ", ".join(f"{mlp.rows_per_second(model, batch):,.0f} at {batch}" for batch in (1, 32, 128))
    print(f"\nThe model alone, rows/s by batch size: {alone}")


def cpu_model() -> str:
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    return next(
        (line.partition(":")[2].strip() for line in lines if "model name" in line), platform.machine()
    )


if __name__ == "__main__":
    main()
