"""What platform ``tensorflow`` takes the files in a version folder for."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from support.other_models import python_file, sklearn_model

from kernel_server.core.servable import Servable, ServableId
from kernel_server.errors import NotFound
from kernel_server.servables.by_content import platform
from kernel_server.settings import Settings


def load(folder: Path) -> Servable:
    return platform(Settings(device="cpu"))(ServableId("m", 1), folder).load()


def test_a_file_tells_the_platform(tmp_path: Path) -> None:
    sklearn_model(tmp_path / "1")
    assert "predict_proba" in load(tmp_path / "1").signatures


def test_a_saved_model_is_one_whatever_lies_beside_it(tmp_path: Path, models: dict[str, Path]) -> None:
    shutil.copytree(models["half"] / "1", tmp_path / "1")
    (tmp_path / "1" / "model.skops").touch()
    servable = load(tmp_path / "1")
    assert servable.signatures["serving_default"].outputs.keys() == {"y", "z"}
    servable.close()


def test_python_is_never_run_because_it_is_there(tmp_path: Path) -> None:
    python_file(tmp_path / "1")
    with pytest.raises(NotFound, match=r"Could not find SavedModel \.pb or \.pbtxt"):
        load(tmp_path / "1")
