"""A home of its own for every test session, a small model, and a server that many tests share."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from workbench.discovery import find_all
from workbench.server import Server


@pytest.fixture(scope="session", autouse=True)
def workbench_home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """``WORKBENCH_HOME`` in a temporary folder; at the end no server may be left."""
    home = tmp_path_factory.mktemp("home")
    os.environ["WORKBENCH_HOME"] = str(home)
    yield home
    left = find_all()
    for found in left:
        found.record.process.find().kill()
    del os.environ["WORKBENCH_HOME"]
    assert [found.record for found in left] == []


@pytest.fixture(scope="session")
def affine(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Base path of a model ``y = version * x + 10 * version`` on rows of three, in versions 1, 2 and 3."""
    import tensorflow as tf

    base_path = tmp_path_factory.mktemp("models") / "affine"
    for version in (1, 2, 3):
        module = tf.Module()
        module.scale = tf.Variable(float(version))

        @tf.function(input_signature=[tf.TensorSpec([None, 3], tf.float32, name="x")])
        def call(x, module=module):
            return {"y": x * module.scale + 10.0 * module.scale}

        tf.saved_model.save(module, str(base_path / str(version)), signatures=call)
    return base_path


@pytest.fixture
def copy_of_affine(affine: Path, tmp_path: Path) -> Callable[..., Path]:
    """Makes a base path with some of the versions, to be changed at will."""

    def copy(*versions: int) -> Path:
        for version in versions:
            shutil.copytree(affine / str(version), tmp_path / "affine" / str(version))
        return tmp_path / "affine"

    return copy


@pytest.fixture(scope="session")
def affine_server(affine: Path) -> Iterator[Server]:
    """A server of version 3 on a Unix socket, TCP and REST. Leave it as it is."""
    with Server.start(affine, name="shared", device="cpu", tcp=True) as server:
        yield server
