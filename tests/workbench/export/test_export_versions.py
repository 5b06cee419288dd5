"""Version numbers and the atomic appearance of a version."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from workbench.export import VersionExists, version_directories
from workbench.export.versions import publish, staging_directory


def write_version(
    base: Path, content: str = "model", version: int | None = None, overwrite: bool = False
) -> Path:
    with staging_directory(base) as staging:
        (staging / "saved_model.pb").write_text(content)
        return publish(staging, version, overwrite=overwrite)


def test_numbering_starts_at_one_and_follows_the_highest(tmp_path: Path) -> None:
    base = tmp_path / "new" / "model"
    assert write_version(base).name == "1"
    assert write_version(base, version=41).name == "41"
    assert write_version(base).name == "42"


def test_padded_names_count_and_other_children_do_not(tmp_path: Path) -> None:
    (tmp_path / "00000123").mkdir()
    (tmp_path / "notes").mkdir()
    (tmp_path / ".export-abandoned").mkdir()
    assert version_directories(tmp_path) == {123: tmp_path / "00000123"}
    assert write_version(tmp_path).name == "124"


def test_a_missing_base_path_holds_no_versions(tmp_path: Path) -> None:
    assert version_directories(tmp_path / "absent") == {}


def test_an_existing_version_is_refused_and_kept(tmp_path: Path) -> None:
    first = write_version(tmp_path, "old")
    with pytest.raises(VersionExists, match="overwrite=True"):
        write_version(tmp_path, "new", version=1)
    assert (first / "saved_model.pb").read_text() == "old"
    assert [child.name for child in tmp_path.iterdir()] == ["1"]


def test_overwrite_replaces_the_padded_twin_too(tmp_path: Path) -> None:
    (tmp_path / "0007").mkdir()
    (tmp_path / "0007" / "stale").touch()
    path = write_version(tmp_path, "new", version=7, overwrite=True)
    assert path == tmp_path / "0007"
    assert [child.name for child in path.iterdir()] == ["saved_model.pb"]
    assert [child.name for child in tmp_path.iterdir()] == ["0007"]


def test_a_failed_export_leaves_nothing(tmp_path: Path) -> None:
    with pytest.raises(ZeroDivisionError), staging_directory(tmp_path) as staging:
        (staging / "half").touch()
        raise ZeroDivisionError
    assert list(tmp_path.iterdir()) == []


def test_concurrent_exports_get_a_number_each(tmp_path: Path) -> None:
    with ThreadPoolExecutor(8) as pool:
        paths = list(pool.map(lambda n: write_version(tmp_path, str(n)), range(40)))
    assert sorted(int(path.name) for path in paths) == list(range(1, 41))
    assert [(path / "saved_model.pb").read_text() for path in paths] == [str(n) for n in range(40)]
    assert version_directories(tmp_path).keys() == set(range(1, 41))


def test_a_version_is_readable_by_others(tmp_path: Path) -> None:
    ordinary = tmp_path / "ordinary"
    ordinary.mkdir()
    assert write_version(tmp_path).stat().st_mode == ordinary.stat().st_mode
