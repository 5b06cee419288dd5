"""A few thousand damaged inputs; for more see ``tests/benchmarks/fuzz_http2.py``."""

from __future__ import annotations

from benchmarks.fuzz_http2 import fuzz
from support.servers import Server
from support.stubs import Client


def test_damaged_input_does_no_damage(server: Server, client: Client) -> None:
    report = fuzz(server, "half", inputs=2000, seed=20)
    assert report.alive, report
    assert (report.left_open, report.tracebacks) == ([], 0), report
    assert report.bytes_after - report.bytes_before < 32 << 20, report
    assert client.in_flight("half") == 0
    kinds = set(report.outcomes)
    assert {"answered", "sent away with code 1", "sent away with code 9"} <= kinds, report
