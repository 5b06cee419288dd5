"""Finding kinds of servable, those of other packages included."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from kernel_server.core.servable import ServableId
from kernel_server.servables.platforms import GROUP, PlatformNotInstalled, Platforms, UnsupportedPlatform
from kernel_server.settings import Settings

PLUG_IN = """
from kernel_server.core.loader import Loader

class Own(Loader):
    def __init__(self, name, folder):
        self.name, self.folder = name, folder
    def load(self):
        raise NotImplementedError

def platform(settings):
    return lambda servable_id, folder: Own(f"{settings.name}/{servable_id.name}", folder)
"""


@pytest.fixture
def installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Another distribution with kinds of its own, one of which lacks its framework."""
    info = tmp_path / "own_kind-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: own-kind\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(
        f"[{GROUP}]\nown = own_kind:platform\nlacking = own_kind_lacking:platform\n"
    )
    (tmp_path / "own_kind.py").write_text(PLUG_IN)
    (tmp_path / "own_kind_lacking.py").write_text("import a_framework_that_nobody_has\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.delitem(sys.modules, "own_kind", raising=False)


@pytest.mark.usefixtures("installed")
class TestPlugIns:
    def test_another_package_brings_a_kind(self, tmp_path: Path) -> None:
        factory = Platforms(Settings(name="server")).require("m", "own")
        loader = factory(ServableId("m", 1), tmp_path)
        assert (loader.name, loader.folder) == ("server/m", tmp_path)  # type: ignore[attr-defined]

    def test_models_of_one_kind_share_its_factory(self) -> None:
        platforms = Platforms(Settings())
        assert platforms.require("a", "own") is platforms.require("b", "own")

    def test_a_framework_that_is_missing(self) -> None:
        with pytest.raises(PlatformNotInstalled, match="a_framework_that_nobody_has"):
            Platforms(Settings()).require("m", "lacking")


def test_an_unknown_platform_names_those_that_are_known() -> None:
    with pytest.raises(UnsupportedPlatform, match=r"Model m requests unsupported platform caffe.*tensorflow"):
        Platforms(Settings()).require("m", "caffe")
