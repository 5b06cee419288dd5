"""Other things than rows of floats: large tensors, strings, the ways to write JSON, a heavier model."""

import numpy as np
from benchmarks import models, requests
from benchmarks.bench import Bench
from benchmarks.contenders import ECHO, OURS
from benchmarks.servers import Server, Target, awake

_WORDS = np.array([f"word number {number}" for number in range(8)], object)
_PICTURE = np.array([bytes(range(256)) * 117], object)
"""30 kB of binary, as much as a small JPEG."""


def large(bench: Bench) -> None:
    """An image of 600 kB there and back, against the echo of the same bytes."""
    echo = next(contender for contender in bench.contenders("grpc") if contender.name == ECHO)
    request = requests.tfs("image", models.row("image"))
    with bench.ours({"image": bench.models / "image"}) as ours:
        servers = {OURS: (ours.server, ours.grpc), ECHO: (echo.server, echo.targets["grpc"].port)}
        ours.server.suspend()
        for callers in (1, 4, 16):
            for _ in range(bench.plan.repeats):
                for name, (server, port) in servers.items():
                    with awake(server):
                        figures = bench.closed_loop(server, callers, Target(port, request))
                        bench.record("large", name, f"c={callers}", figures)


def formats(bench: Bench) -> None:
    """This server with every kind of request."""
    row = models.row("mlp")
    over_grpc = {
        "floats, gRPC": requests.tfs("mlp", row),
        "8 strings, gRPC": requests.tfs("upper", _WORDS),
        "30 kB string, gRPC": requests.tfs("length", _PICTURE),
        "96x96 image, gRPC": requests.tfs("cnn", models.row("cnn")),
    }
    over_rest = {
        "floats, REST row": requests.rest_row("mlp", row),
        "floats, REST column": requests.rest_column("mlp", row),
        "30 kB string, REST b64": requests.rest_b64("length", _PICTURE),
    }
    names = ("mlp", "cnn", *models.STRINGS)
    with bench.ours({name: bench.models / name for name in names}) as ours:
        for _ in range(bench.plan.repeats):
            for what, request in over_grpc.items():
                _measure(bench, ours.server, what, Target(ours.grpc, request))
            for what, request in over_rest.items():
                _measure(bench, ours.server, what, Target(ours.rest, request))


def _measure(bench: Bench, server: Server, what: str, target: Target) -> None:
    for callers in (1, 64):
        bench.record("formats", what, f"c={callers}", bench.closed_loop(server, callers, target))
