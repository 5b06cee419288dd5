"""What the fuzzers share: how a run is watched and told, and how Hypothesis is driven."""

from __future__ import annotations

import argparse
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st
from support.saved_models import export_all
from support.servers import Server
from support.stubs import Client, model_config
from tensorflow_serving.config import model_server_config_pb2

READINGS = 10
"""How often the memory is read during a run. The server has what it always needs after the second."""

MODELS = ("echo", "examples", "fixed", "half", "keras", "pair", "picky", "words")
"""Models that answer at once, whatever they are asked."""

CHUNK = 1000
"""Inputs that Hypothesis makes from one seed: it remembers all of them."""


@dataclass
class Report:
    """What has happened. ``outcomes`` counts the answers by kind; ``faults`` tells what must not happen."""

    inputs: int
    seconds: float = 0.0
    outcomes: Counter[str] = field(default_factory=Counter)
    faults: list[str] = field(default_factory=list)
    tracebacks: int = 0
    alive: bool = False
    resident: list[int] = field(default_factory=list)

    @property
    def growth(self) -> int:
        """Bytes of memory that the warm server took for the rest of the run."""
        return self.resident[-1] - self.resident[1]

    @property
    def harmless(self) -> bool:
        """Whether the server is alive, has logged no traceback and has done nothing that it must not."""
        return self.alive and not self.tracebacks and not self.faults

    def __str__(self) -> str:
        """For people."""
        counts = "\n".join(f"  {count:8} {outcome}" for outcome, count in self.outcomes.most_common())
        return (
            f"{sum(self.outcomes.values())} inputs in {self.seconds:.1f} s\n{counts}\n"
            f"faults: {self.faults or 'none'}; tracebacks: {self.tracebacks}; alive: {self.alive}\n"
            f"resident after each tenth: {', '.join(f'{size / 1e6:.1f}' for size in self.resident)} MB"
        )


@contextmanager
def watching(server: Server, inputs: int) -> Iterator[tuple[Report, Callable[[str], None]]]:
    """A report, complete when the context ends, and what takes the outcome of each input."""
    process, logged, begin = psutil.Process(server.process.pid), len(server.log), time.monotonic()
    report, step = Report(inputs), max(1, inputs // READINGS)

    def take(outcome: str) -> None:
        report.outcomes[outcome] += 1
        if report.outcomes.total() % step == 0:
            report.resident.append(process.memory_info().rss)

    yield report, take
    report.seconds = time.monotonic() - begin
    report.tracebacks = server.log[logged:].count("Traceback")
    report.alive = Client(server.channel()).predict("half", [1])["y"].shape == (1,)


def try_examples(
    strategy: st.SearchStrategy[Any], attempt: Callable[[Any], None], inputs: int, at: int
) -> None:
    """Call ``attempt`` with so many examples, the same ones for the same seed ``at``.

    An example for which it raises is made as small as may be before the error is passed on.
    """
    for number in range(0, inputs, CHUNK):
        limits = settings(
            max_examples=min(CHUNK, inputs - number),
            phases=[Phase.generate, Phase.shrink],
            database=None,
            deadline=None,
            suppress_health_check=list(HealthCheck),
        )
        seed(f"{at}/{number}")(limits(given(strategy)(attempt)))()


def damaged(data: st.SearchStrategy[bytes]) -> st.SearchStrategy[bytes]:
    """The bytes with some changed, cut out, repeated or put in, once or several times."""
    bite = st.tuples(
        st.floats(0, 1), st.integers(0, 8), st.sampled_from((b"", b"\xff" * 5, None)) | st.binary()
    )
    return st.builds(_bitten, data, st.lists(bite, min_size=1, max_size=3))


def _bitten(data: bytes, bites: list[tuple[float, int, bytes | None]]) -> bytes:
    for where, length, middle in bites:
        begin = int(where * len(data))
        end = begin + length
        data = data[:begin] + (data[begin:end] * 3 if middle is None else middle) + data[end:]
    return data


def main(description: str | None, fuzz: Callable[[Server, int, int], Report]) -> None:
    """Fuzz a server of its own with all small models, and tell what came of it."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--inputs", type=int, default=50_000)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        print(_fuzz_a_new_server(Path(folder), fuzz, options.inputs, options.seed))


def _fuzz_a_new_server(
    folder: Path, fuzz: Callable[[Server, int, int], Report], inputs: int, at: int
) -> Report:
    configs = [
        model_config(name, path) for name, path in export_all(folder / "models").items() if name in MODELS
    ]
    config = model_server_config_pb2.ModelServerConfig(model_config_list={"config": configs})
    (folder / "models.txt").write_text(str(config))
    server = Server(
        folder / "server", model_config_file=folder / "models.txt", rest_api_port="auto", enable_batching=True
    )
    try:
        return fuzz(server.wait_until_ready(), inputs, at)
    finally:
        server.close()
