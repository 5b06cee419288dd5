"""Collectors that other packages bring."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from support.request_logs import logging_config
from tensorflow_serving.apis.prediction_log_pb2 import PredictionLog

from kernel_server.config.request_logging import RequestLogging
from kernel_server.request_logging.collectors import GROUP, UnknownCollector, make_collector

PLUG_IN = """
from kernel_server.request_logging.collectors import Collector

class Mine(Collector):
    def __init__(self, config):
        self.prefix, self.logs = config.filename_prefix, []
    def collect(self, log):
        self.logs.append(log)
"""


@pytest.fixture
def installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Another distribution with a collector of its own."""
    info = tmp_path / "own_collector-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: own-collector\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(f"[{GROUP}]\nmine = own_collector:Mine\n")
    (tmp_path / "own_collector.py").write_text(PLUG_IN)
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.delitem(sys.modules, "own_collector", raising=False)


def config(kind: str) -> RequestLogging:
    return RequestLogging.from_bytes(logging_config(Path("stream"), kind).SerializeToString())


@pytest.mark.usefixtures("installed")
def test_another_package_brings_a_collector() -> None:
    collector = make_collector(config("mine"))
    collector.collect(PredictionLog())
    collector.close()
    assert (collector.prefix, collector.logs) == ("stream", [PredictionLog()])  # type: ignore[attr-defined]


@pytest.mark.usefixtures("installed")
def test_an_unknown_type_names_those_that_are_known() -> None:
    with pytest.raises(UnknownCollector, match="Installed types: jsonl, mine, tfrecord"):
        make_collector(config("csv"))
