"""The file that tells others how to reach a running server."""

from __future__ import annotations

import json
import os
import stat
from pathlib import Path

import pytest

from kernel_server.state_file import SCHEMA, StateFile


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "servers" / "mine" / "state.json"


def test_it_is_for_its_user_alone(path: Path) -> None:
    StateFile(path).write({"pid": os.getpid()})
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700


def test_a_file_that_others_could_read_is_replaced_by_one_they_cannot(path: Path) -> None:
    path.parent.mkdir(parents=True)
    path.write_text("{}")
    path.chmod(0o644)
    StateFile(path).write({"pid": os.getpid()})
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_it_is_replaced_as_a_whole_and_leaves_no_draft(path: Path) -> None:
    file = StateFile(path)
    file.write({"pid": os.getpid(), "name": "a name that is rather long"})
    file.write({"pid": os.getpid(), "name": "b"})
    assert json.loads(path.read_text()) == {"schema": SCHEMA, "pid": os.getpid(), "name": "b"}
    assert [child.name for child in path.parent.iterdir()] == ["state.json"]


def test_its_own_is_removed(path: Path) -> None:
    file = StateFile(path)
    file.write({"pid": os.getpid()})
    file.remove()
    assert not path.exists()
    file.remove()


@pytest.mark.parametrize("text", ['{"pid": 1}', "not JSON"])
def test_what_another_process_wrote_is_left_alone(path: Path, text: str) -> None:
    file = StateFile(path)
    file.write({"pid": os.getpid()})
    path.write_text(text)
    file.remove()
    assert path.read_text() == text
