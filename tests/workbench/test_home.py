import stat
import subprocess
import sys
from pathlib import Path

import pytest

from workbench import home
from workbench.errors import InvalidSetting
from workbench.home import LONGEST_SOCKET_PATH, ServerFolder, write_private


@pytest.fixture(autouse=True)
def own_home(tmp_path, monkeypatch):
    monkeypatch.setenv("WORKBENCH_HOME", str(tmp_path / "home"))
    return tmp_path / "home"


def mode(path):
    return stat.S_IMODE(path.stat().st_mode)


def test_everything_of_a_server_is_in_a_private_folder(own_home):
    folder = ServerFolder.of("digits")
    folder.create()
    assert folder.path == own_home / "servers" / "digits"
    assert mode(folder.path) == mode(folder.path.parent) == 0o700
    assert {folder.state.parent, folder.socket.parent, folder.log.parent} == {folder.path}


def test_without_a_choice_home_follows_the_xdg_convention(tmp_path, monkeypatch):
    monkeypatch.delenv("WORKBENCH_HOME")
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    assert home.home() == tmp_path / "serving-workbench"


@pytest.mark.parametrize("name", ["", ".", "..", "../x", "a/b", "-x", "a b", "x" * 65])
def test_a_name_that_is_no_file_name_is_refused(name):
    with pytest.raises(InvalidSetting, match="letters, digits"):
        ServerFolder.of(name)


def test_a_socket_path_that_would_be_too_long_goes_elsewhere(tmp_path, monkeypatch):
    monkeypatch.setenv("WORKBENCH_HOME", str(tmp_path / ("x" * 120)))
    monkeypatch.setenv("XDG_RUNTIME_DIR", "")
    one, other = ServerFolder.of("one"), ServerFolder.of("other")
    assert len(str(one.socket)) <= LONGEST_SOCKET_PATH
    assert one.socket != other.socket
    one.create()
    assert mode(one.socket.parent) == 0o700


def test_the_runtime_directory_is_preferred_for_it(tmp_path, monkeypatch):
    monkeypatch.setenv("WORKBENCH_HOME", str(tmp_path / ("x" * 120)))
    short = Path(f"/tmp/{tmp_path.name}"[:40])
    short.mkdir()
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(short))
    assert ServerFolder.of("one").socket.parent == short / "serving-workbench"
    short.rmdir()


def test_the_end_of_a_run_leaves_the_log_and_the_configuration():
    folder = ServerFolder.of("digits")
    folder.create()
    for path in (folder.state, folder.token, folder.socket, folder.log, folder.configuration):
        path.touch()
    folder.remove_run()
    assert {path.name for path in folder.path.iterdir()} == {"server.log", "configuration.json"}
    folder.remove_run()


def test_folders_are_listed_by_name(own_home):
    assert ServerFolder.all() == []
    for name in ("b", "a"):
        ServerFolder.of(name).create()
    (own_home / "servers" / "stray-file").touch()
    assert [folder.name for folder in ServerFolder.all()] == ["a", "b"]


def test_a_private_file_replaces_the_former_one_whole(tmp_path):
    path = tmp_path / "token"
    path.write_text("something longer")
    write_private(path, "new")
    assert path.read_text() == "new"
    assert mode(path) == 0o600
    assert list(tmp_path.glob(".token*")) == []


HOLD_THE_LOCK = """
from workbench.home import ServerFolder
with ServerFolder.of("digits").locked():
    print("held", flush=True)
    input()
"""


def test_only_one_process_at_a_time_has_the_lock():
    folder = ServerFolder.of("digits")
    command = [sys.executable, "-c", HOLD_THE_LOCK]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as other:
        assert other.stdout.readline() == "held\n"
        with folder.locked(wait=False) as got:
            assert not got
        other.communicate("\n")
    with folder.locked() as got:
        assert got
