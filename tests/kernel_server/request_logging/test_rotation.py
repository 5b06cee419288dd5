"""Files of logged requests: their form, their names and their ends."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest
from support.request_logs import logging_config, read_logs
from support.stubs import predict_request
from tensorflow_serving.apis.prediction_log_pb2 import PredictionLog

from kernel_server.config.request_logging import RequestLogging
from kernel_server.errors import InvalidArgument
from kernel_server.request_logging.collectors import Collector, UnknownCollector, make_collector

KINDS = ("tfrecord", "jsonl")


def log(value: float) -> PredictionLog:
    return PredictionLog(predict_log={"request": predict_request("half", [value])})


def collector(folder: Path, kind: str, **options: Any) -> Collector:
    config = logging_config(folder / "half", kind, **options)
    return make_collector(RequestLogging.from_bytes(config.SerializeToString()))


def files(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


@pytest.mark.parametrize("kind", KINDS)
class TestFiles:
    def test_what_is_collected_is_there_at_once(self, tmp_path: Path, kind: str) -> None:
        into = collector(tmp_path, kind)
        assert files(tmp_path) == []
        for value in (1, 2):
            into.collect(log(value))
            assert read_logs(tmp_path / f"half-00001.{kind}")[-1] == log(value)
        into.close()

    def test_so_many_records(self, tmp_path: Path, kind: str) -> None:
        into = collector(tmp_path, kind, max_file_records=2)
        for value in range(5):
            into.collect(log(value))
        into.close()
        names = [f"half-0000{number}.{kind}" for number in (1, 2, 3)]
        assert files(tmp_path) == names
        assert [len(read_logs(tmp_path / name)) for name in names] == [2, 2, 1]
        assert read_logs(*(tmp_path / name for name in names)) == [log(value) for value in range(5)]

    def test_so_many_bytes(self, tmp_path: Path, kind: str) -> None:
        into = collector(tmp_path, kind, max_file_bytes=700)
        for value in range(20):
            into.collect(log(value))
        into.close()
        sizes = [(tmp_path / name).stat().st_size for name in files(tmp_path)]
        assert len(sizes) > 1
        assert max(sizes) <= 700

    def test_one_record_larger_than_a_file(self, tmp_path: Path, kind: str) -> None:
        into = collector(tmp_path, kind, max_file_bytes=1)
        for value in range(3):
            into.collect(log(value))
        into.close()
        assert [len(read_logs(tmp_path / name)) for name in files(tmp_path)] == [1, 1, 1]

    def test_the_oldest_go(self, tmp_path: Path, kind: str) -> None:
        into = collector(tmp_path, kind, max_file_records=1, max_files=2)
        for value in range(5):
            into.collect(log(value))
        into.close()
        assert files(tmp_path) == [f"half-0000{number}.{kind}" for number in (3, 4, 5)]

    def test_numbers_go_on_and_other_files_stay(self, tmp_path: Path, kind: str) -> None:
        others = [f"half-00007.{kind}", f"half-00009.{kind}.gz", "half-00011", f"halfway-00012.{kind}"]
        for name in others:
            (tmp_path / name).write_text("mine")
        first, second = collector(tmp_path, kind), collector(tmp_path, kind)
        for into in (first, second):
            into.collect(log(1))
            into.close()
        assert files(tmp_path) == sorted([*others, f"half-00008.{kind}", f"half-00009.{kind}"])
        assert all((tmp_path / name).read_text() == "mine" for name in others)

    def test_a_folder_that_goes_and_comes_back(self, tmp_path: Path, kind: str) -> None:
        folder, moved = tmp_path / "logs", tmp_path / "moved"
        folder.mkdir()
        into = collector(folder, kind)
        into.collect(log(1))
        folder.rename(moved)
        for _ in range(2):
            with pytest.raises(FileNotFoundError):
                into.collect(log(2))
        folder.mkdir()
        into.collect(log(3))
        into.close()
        assert read_logs(moved / f"half-00001.{kind}") == [log(1)]
        assert read_logs(folder / f"half-00001.{kind}") == [log(3)]

    def test_a_file_that_takes_no_more(self, tmp_path: Path, kind: str) -> None:
        if not Path("/dev/full").exists():
            pytest.skip("this system has no /dev/full")
        into = collector(tmp_path, kind)
        into.collect(log(1))
        file = tmp_path / f"half-00001.{kind}"
        _fill(file)
        with pytest.raises(Exception, match=r"(?i)space"):
            into.collect(log(2))
        into.collect(log(3))
        into.close()
        assert read_logs(tmp_path / f"half-00002.{kind}") == [log(3)]


def _fill(file: Path) -> None:
    """Have whoever of this process writes ``file`` find its disk full."""
    full = os.open("/dev/full", os.O_WRONLY)
    for link in list(Path("/proc/self/fd").iterdir()):
        if link.is_symlink() and link.readlink() == file:
            os.dup2(full, int(link.name))
    os.close(full)


@pytest.mark.parametrize(
    ("prefix", "kind", "error", "message"),
    [
        (
            "/absent/half",
            "jsonl",
            InvalidArgument,
            "an absolute path in a folder that exists; was '/absent/half'",
        ),
        ("half", "jsonl", InvalidArgument, "an absolute path in a folder that exists; was 'half'"),
        ("/tmp/half", "csv", UnknownCollector, "unknown type 'csv'. Installed types: jsonl, tfrecord"),
        ("/tmp/half", "", UnknownCollector, "unknown type ''. Installed types: jsonl, tfrecord"),
    ],
)
def test_what_cannot_be_collected(prefix: str, kind: str, error: type[InvalidArgument], message: str) -> None:
    config = logging_config(Path(prefix), kind)
    with pytest.raises(error) as caught:
        make_collector(RequestLogging.from_bytes(config.SerializeToString()))
    assert message in caught.value.message
