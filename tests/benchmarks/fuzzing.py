"""What the fuzzers share: how a run is watched and told, and how Hypothesis is driven."""

from __future__ import annotations

import argparse
import random
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

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

COPIES = 7
"""Damaged copies of each example: they cost next to nothing, an example ten milliseconds."""

CHUNK = 500
"""Examples that Hypothesis makes from one seed: it remembers all of them."""


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
    examples: st.SearchStrategy[tuple[str, bytes]],
    attempt: Callable[[str, bytes, bool], None],
    inputs: int,
    at: int,
) -> None:
    """Call ``attempt`` with so many inputs: examples, each followed by damaged copies, for which it says so.

    They are the same ones for the same seed ``at``. An example for which an attempt fails is made as small
    as may be before the error is passed on.
    """

    def attempt_all(example: tuple[str, bytes], noise: int) -> None:
        kind, words = example
        attempt(kind, words, False)
        generator = random.Random(noise)
        for _ in range(COPIES):
            attempt(kind, damaged(generator, words), True)

    examples_in_all = inputs // (1 + COPIES)
    for number in range(0, examples_in_all, CHUNK):
        limits = settings(
            max_examples=min(CHUNK, examples_in_all - number),
            phases=[Phase.generate, Phase.shrink],
            database=None,
            deadline=None,
            suppress_health_check=list(HealthCheck),
        )
        seed(f"{at}/{number}")(limits(given(examples, st.integers(0, 2**32))(attempt_all)))()


def damaged(generator: random.Random, data: bytes) -> bytes:
    """The bytes with some changed, cut out, repeated or put in, once or several times."""
    data = bitten(generator, data)
    while generator.random() < 0.5:
        data = bitten(generator, data)
    return data


def bitten(generator: random.Random, data: bytes) -> bytes:
    """The bytes with some changed, cut out, repeated or put in, once."""
    begin = generator.randrange(len(data) + 1)
    end = min(len(data), begin + generator.randrange(8))
    middle = generator.choice((b"", generator.randbytes(end - begin), data[begin:end] * 3, b"\xff" * 5))
    return data[:begin] + middle + data[end:]


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
