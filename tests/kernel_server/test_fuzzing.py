"""Some of the damaged inputs of ``tests/benchmarks/fuzz_*.py``; run those for many more."""

from __future__ import annotations

from benchmarks import fuzz_http2, fuzz_protobufs, fuzz_rest
from support.servers import Server, until
from support.stubs import Client

MOST_GROWTH = 32 << 20
"""Bytes that the server may take for whatever remains of its warm-up; a leak takes more."""


def test_damaged_http2(server: Server, client: Client) -> None:
    report = fuzz_http2.fuzz(server, inputs=2000, seed=20)
    assert report.harmless, str(report)
    assert report.growth < MOST_GROWTH, str(report)
    kinds = set(report.outcomes)
    assert {"answered", "sent away with code 1", "sent away with code 9"} <= kinds, str(report)
    until(lambda: client.in_flight("half") == 0, "nothing is in flight")


def test_strange_protobufs(server: Server, client: Client) -> None:
    report = fuzz_protobufs.fuzz(server, inputs=800, seed=4)
    assert report.harmless, str(report)
    assert report.growth < MOST_GROWTH, str(report)
    assert {"OK", "INVALID_ARGUMENT", "NOT_FOUND"} <= set(report.outcomes), str(report)


def test_strange_http(server: Server, client: Client) -> None:
    report = fuzz_rest.fuzz(server, inputs=800, seed=3)
    assert report.harmless, str(report)
    assert report.growth < MOST_GROWTH, str(report)
    assert {"200", "400", "404"} <= set(report.outcomes), str(report)
