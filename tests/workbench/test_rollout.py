"""Versions of one real server, changed while it answers."""

import shutil

import numpy as np
import pytest

from workbench import Server
from workbench.errors import NothingToUndo, VersionFailed, VersionNotFound

ROWS = np.ones((1, 3), np.float32)


@pytest.fixture(scope="module")
def base_path(affine, tmp_path_factory):
    base_path = tmp_path_factory.mktemp("rollout") / "affine"
    shutil.copytree(affine, base_path)
    (base_path / "4").mkdir()
    (base_path / "4" / "saved_model.pb").write_bytes(b"not a model")
    return base_path


@pytest.fixture(scope="module")
def running(base_path):
    flags = {"file_system_poll_wait_seconds": 1}
    moved = base_path / "4"
    moved.rename(base_path / "hidden")
    with Server.start(base_path, name="rollout", device="cpu", rest=False, flags=flags) as server:
        (base_path / "hidden").rename(moved)
        yield server


@pytest.fixture
def server(running):
    running.make_live(2)
    return running


@pytest.fixture
def client(server):
    with server.client() as client:
        yield client


def live(statuses):
    return [status.version for status in statuses if status.live]


def available(statuses):
    return [status.version for status in statuses if status.available]


def answering(client):
    """The version that answers, told from its answer: y = version * 1 + 10 * version."""
    return round(float(client.predict("affine", ROWS)[0, 0]) / 11)


def test_another_version_is_made_live(server, client):
    assert answering(client) == 2
    statuses = server.make_live(3)
    assert live(statuses) == available(statuses) == [3]
    assert answering(client) == 3
    assert {status.version: status.on_disk for status in statuses} == {4: True, 3: True, 2: True, 1: True}


def test_rolling_back_goes_to_the_next_lower_version(server, client):
    assert live(server.roll_back()) == [1]
    assert answering(client) == 1
    with pytest.raises(NothingToUndo, match="no earlier version"):
        server.roll_back()
    assert answering(client) == 1


def test_versions_are_loaded_beside_each_other_and_unloaded(server, client):
    assert available(server.load(1, 3)) == [3, 2, 1]
    assert answering(client) == 3
    assert float(client.predict("affine", ROWS, version=1)[0, 0]) == 11.0
    assert available(server.unload(3)) == [2, 1]
    assert answering(client) == 2


def test_a_version_that_does_not_load_leaves_the_old_one_live(server, client):
    with pytest.raises(VersionFailed) as caught:
        server.make_live(4)
    assert (caught.value.version, caught.value.live) == (4, 2)
    assert caught.value.message
    assert answering(client) == 2
    failed = server.versions()[0]
    assert (failed.version, failed.state, failed.failed) == (4, "END", True)
    with pytest.raises(VersionFailed):
        server.make_live(4)
    assert live(server.make_live(3)) == [3]


def test_rolling_back_skips_a_version_that_failed(server, base_path, client):
    shutil.copytree(base_path / "1", base_path / "5", dirs_exist_ok=True)
    with pytest.raises(VersionFailed):
        server.make_live(4)
    server.make_live(5)
    assert live(server.roll_back()) == [3]
    shutil.rmtree(base_path / "5")


def test_a_version_that_is_not_on_disk_is_refused_with_those_that_are(server, client):
    with pytest.raises(VersionNotFound, match=r"no version 9 in .*; found: 1, 2, 3, 4"):
        server.make_live(9)
    with pytest.raises(VersionNotFound):
        server.load(1, 9)
    assert answering(client) == 2
