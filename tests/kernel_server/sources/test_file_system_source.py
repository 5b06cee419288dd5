"""The file-system source on real folders."""

from __future__ import annotations

import logging
import shutil
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from kernel_server.sources.file_system import FileSystemSource, MonitoredModel
from kernel_server.sources.selection import All, Latest, Selection, Specific
from kernel_server.sources.static import StaticSource

PATIENCE = 30.0


class Aspirations:
    """Remembers what was emitted last for each model, and lets a test wait for a change."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self.versions: dict[str, dict[int, Path]] = {}

    def __call__(self, name: str, versions: Sequence[tuple[int, Path]]) -> None:
        with self._changed:
            self.versions[name] = dict(versions)
            self._changed.notify_all()

    def wait_for(self, name: str, numbers: set[int]) -> None:
        with self._changed:
            assert self._changed.wait_for(lambda: set(self.versions.get(name, {})) == numbers, PATIENCE)


@pytest.fixture
def aspirations() -> Aspirations:
    return Aspirations()


@pytest.fixture
def source(aspirations: Aspirations) -> Iterator[FileSystemSource]:
    source = FileSystemSource(aspirations, poll_seconds=0)
    yield source
    source.stop()


def make_versions(base_path: Path, *names: str) -> Path:
    for name in names:
        (base_path / name).mkdir(parents=True)
    return base_path


@pytest.mark.parametrize(
    ("selection", "numbers"),
    [
        (Latest(), [123]),
        (Latest(0), [123]),
        (Latest(2), [123, 20]),
        (Latest(9), [123, 20, 3]),
        (All(), [123, 20, 3]),
        (Specific((3, 123)), [123, 3]),
    ],
)
def test_selection(
    tmp_path: Path,
    source: FileSystemSource,
    aspirations: Aspirations,
    selection: Selection,
    numbers: list[int],
) -> None:
    make_versions(tmp_path, "3", "20", "00000123", "tmp-4", "4.5", "-6", "v7", "٣", str(2**63))
    source.replace([MonitoredModel("m", tmp_path, selection)])
    assert list(aspirations.versions["m"]) == numbers
    assert aspirations.versions["m"][123] == tmp_path / "00000123"


def test_file_named_by_a_number_is_a_version(
    tmp_path: Path, source: FileSystemSource, aspirations: Aspirations
) -> None:
    (tmp_path / "5").write_text("key,value\n")
    source.replace([MonitoredModel("m", tmp_path)])
    assert aspirations.versions == {"m": {5: tmp_path / "5"}}


def test_of_two_folders_with_one_number_the_last_is_served(
    tmp_path: Path,
    source: FileSystemSource,
    aspirations: Aspirations,
    caplog: pytest.LogCaptureFixture,
) -> None:
    make_versions(tmp_path, "007", "7", "07")
    source.replace([MonitoredModel("m", tmp_path)])
    assert aspirations.versions == {"m": {7: tmp_path / "7"}}
    assert f"{tmp_path / '07'} is not served" in caplog.text


def test_missing_specific_version_is_reported_once(
    tmp_path: Path,
    source: FileSystemSource,
    aspirations: Aspirations,
    caplog: pytest.LogCaptureFixture,
) -> None:
    make_versions(tmp_path, "1")
    source.replace([MonitoredModel("m", tmp_path, Specific((1, 2)))])
    source.poll_once()
    assert list(aspirations.versions["m"]) == [1]
    assert [record.message for record in caplog.records] == [
        f"Version 2 of servable m was requested, but is not in {tmp_path}"
    ]


def test_missing_base_path_leaves_its_model_alone_and_hinders_no_other(
    tmp_path: Path,
    source: FileSystemSource,
    aspirations: Aspirations,
    caplog: pytest.LogCaptureFixture,
) -> None:
    gone, fine = make_versions(tmp_path / "gone", "1"), make_versions(tmp_path / "fine", "1")
    source.replace([MonitoredModel("gone", gone), MonitoredModel("fine", fine)])
    shutil.rmtree(gone)
    make_versions(fine, "2")
    source.poll_once()
    assert {name: list(versions) for name, versions in aspirations.versions.items()} == {
        "gone": [1],
        "fine": [2],
    }
    assert f"Could not find base path {gone} for servable gone with error" in caplog.text


def test_problem_that_comes_back_is_reported_again(
    tmp_path: Path, source: FileSystemSource, caplog: pytest.LogCaptureFixture
) -> None:
    base_path = tmp_path / "m"
    source.replace([MonitoredModel("m", base_path)])
    make_versions(base_path, "1")
    source.poll_once()
    shutil.rmtree(base_path)
    source.poll_once()
    first, second = caplog.records
    assert first.message == second.message


def test_empty_base_path_unloads_all(
    tmp_path: Path,
    source: FileSystemSource,
    aspirations: Aspirations,
    caplog: pytest.LogCaptureFixture,
) -> None:
    make_versions(tmp_path, "1")
    source.replace([MonitoredModel("m", tmp_path)])
    (tmp_path / "1").rmdir()
    source.poll_once()
    assert aspirations.versions == {"m": {}}
    assert f"No versions of servable m found under base path {tmp_path}" in caplog.text


def test_replaced_models_take_effect_at_once(
    tmp_path: Path, source: FileSystemSource, aspirations: Aspirations
) -> None:
    base_path = make_versions(tmp_path, "1", "2")
    source.replace([MonitoredModel("kept", base_path), MonitoredModel("dropped", base_path)])
    source.replace([MonitoredModel("kept", base_path, Specific((1,))), MonitoredModel("new", base_path)])
    assert {name: list(versions) for name, versions in aspirations.versions.items()} == {
        "kept": [1],
        "dropped": [],
        "new": [2],
    }


def test_polling_finds_new_versions(tmp_path: Path, aspirations: Aspirations) -> None:
    source = FileSystemSource(aspirations, poll_seconds=0.01)
    source.replace([MonitoredModel("m", tmp_path)])
    source.start()
    try:
        make_versions(tmp_path, "1")
        aspirations.wait_for("m", {1})
        make_versions(tmp_path, "2")
        aspirations.wait_for("m", {2})
    finally:
        source.stop()
    assert not [thread for thread in threading.enumerate() if thread.name == "file-system-source"]


def test_polling_survives_a_failing_receiver(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    called_twice = threading.Event()
    calls: list[str] = []

    def fail_first(name: str, versions: Sequence[tuple[int, Path]]) -> None:
        calls.append(name)
        if len(calls) == 2:
            raise RuntimeError("receiver is broken")
        if len(calls) > 2:
            called_twice.set()

    source = FileSystemSource(fail_first, poll_seconds=0.01)
    source.replace([MonitoredModel("m", tmp_path)])
    with caplog.at_level(logging.ERROR):
        source.start()
        assert called_twice.wait(PATIENCE)
    source.stop()
    assert "receiver is broken" in caplog.text


def test_negative_interval_never_looks(tmp_path: Path, aspirations: Aspirations) -> None:
    make_versions(tmp_path, "1")
    source = FileSystemSource(aspirations, poll_seconds=-1)
    source.replace([MonitoredModel("m", tmp_path)])
    source.start()
    source.stop()
    assert aspirations.versions == {}


def test_static_source_emits_what_it_was_given(tmp_path: Path, aspirations: Aspirations) -> None:
    source = StaticSource(aspirations, {"m": [(3, tmp_path)], "empty": []})
    assert aspirations.versions == {}
    source.start()
    source.stop()
    assert aspirations.versions == {"m": {3: tmp_path}, "empty": {}}
