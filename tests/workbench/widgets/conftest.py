"""A panel on a real server, without a browser."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from support.servers import until

from workbench.server import Server
from workbench.widgets import Panel


@pytest.fixture(scope="module")
def panel(affine: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Panel]:
    """On a server of versions 1 and 2, with 2 live. Tests leave the server as they find it."""
    folder = tmp_path_factory.mktemp("panel") / "affine"
    for version in ("1", "2"):
        shutil.copytree(affine / version, folder / version)
    with Server.start(folder, name="panel", device="cpu") as server:
        panel = Panel(server)
        until(lambda: panel.session.snapshot is not None, "the panel has seen the server")
        yield panel
        panel.close()
