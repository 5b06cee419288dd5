"""What every scenario needs: the running contenders, one awake at a time, and a place for its figures."""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from benchmarks import models, requests
from benchmarks.closed_loop import Figures, H2Load, closed_loop
from benchmarks.contenders import ECHOES, ENTRIES, OURS, Contender, Ours, Starter
from benchmarks.open_loop import Arrivals, OpenLoop
from benchmarks.requests import Request
from benchmarks.results import Results, Sample
from benchmarks.servers import Server, ServerFailed, Target, awake


@dataclass(frozen=True, slots=True)
class Plan:
    """How long and where; ``pythons`` are the interpreters of the peers that are installed."""

    seconds: int
    repeats: int
    core: int
    load_core: int
    quick: bool
    pythons: Mapping[str, str]

    def some(self, requests: int) -> int:
        """So many requests, or a few of them when in a hurry."""
        return max(requests // 50, 1000) if self.quick else requests


class Bench:
    """Runs servers for the scenarios; a context at whose end they end."""

    def __init__(self, plan: Plan, results: Results):
        self.plan, self.results = plan, results
        self._stack = ExitStack()
        self._contenders: dict[str, Contender] = {}

    def __enter__(self) -> Bench:
        folder = Path(self._stack.enter_context(tempfile.TemporaryDirectory(prefix="benchmark-")))
        self.models = folder / "models"
        models.export_all(self.models)
        self._starter = Starter(folder / "servers", str(self.plan.core))
        return self

    def __exit__(self, *exception: object) -> None:
        self._stack.close()

    def contenders(self, kind: str) -> list[Contender]:
        """All that answer ``grpc`` or ``json`` requests, each started and warmed up when first asked for."""
        for name in (OURS, *ECHOES, *self.plan.pythons):
            known = name in self._contenders or name in self.results.missing
            if not known and kind in ENTRIES[name].protocols:
                with self.tolerance(name):
                    self._contenders[name] = self._start(name)
        return [
            contender
            for name, contender in self._contenders.items()
            if kind in contender.targets and name not in self.results.missing
        ]

    def turns(self, contenders: Sequence[Contender]) -> Iterator[Contender]:
        """Each, awake, once per repeat: there and back again, so that a drift of the machine hits all."""
        for repeat in range(self.plan.repeats):
            for contender in contenders if repeat % 2 == 0 else reversed(contenders):
                if contender.name not in self.results.missing:
                    with self.tolerance(contender.name), awake(contender.server):
                        yield contender

    @contextmanager
    def ours(self, base_paths: Mapping[str, Path], cores: str = "", *flags: str) -> Iterator[Ours]:
        """One more of this server with other models and further flags, for as long as the block lasts."""
        ours = self._starter.ours(base_paths, cores, *flags)
        try:
            for name in base_paths:
                ours.server.wait_for(Target(ours.rest, requests.status(name)))
            yield ours
        finally:
            ours.server.close()

    def closed_loop(self, server: Server, callers: int, *targets: Target) -> Figures:
        """What ``callers`` at each of the targets get who wait for their answers."""
        plan = self.plan
        return closed_loop(server, targets, callers, seconds=plan.seconds, core=plan.load_core)

    def open_loop(self, port: int, requests: Sequence[Request], arrivals: Arrivals) -> Figures:
        """What callers get who come when they like."""
        return OpenLoop(port, requests, arrivals, core=self.plan.load_core).figures()

    def record(self, scenario: str, server: str, case: str, figures: Figures) -> None:
        """Keep and show a measurement."""
        self.results.samples.append(Sample(scenario, server, case, figures))
        told = "  ".join(f"{name} {value:,.4g}" for name, value in figures.items())
        print(f"{scenario:10} {server:22} {case:26} {told}", flush=True)

    @contextmanager
    def tolerance(self, name: str) -> Iterator[None]:
        """What fails inside is noted as missing, and the run goes on."""
        try:
            yield
        except ServerFailed as error:
            print(f"{name}: {error}", file=sys.stderr, flush=True)
            self.results.missing[name] = str(error).splitlines()[0]

    def _start(self, name: str) -> Contender:
        python = self.plan.pythons.get(name, sys.executable)
        contender = self._starter.contender(name, self.models / "mlp", python)
        server = contender.server
        self._stack.callback(server.close)
        for target in contender.targets.values():
            reply = server.wait_for(target)
            if name not in ECHOES and not requests.answers(
                target.request, reply, models.answer(self.models / "mlp")
            ):
                raise server.failure("answers wrongly")
        if requests_first := ENTRIES[name].warm_up_requests:
            count = self.plan.some(requests_first)
            H2Load(contender.targets["grpc"], 64, core=self.plan.load_core, count=count).latencies_ms()
        server.suspend()
        return contender
