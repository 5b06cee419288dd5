"""``kernel-server inspect`` on models of every kind."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from kernel_server.cli import main

HALF = """
signature serving_default (tensorflow/serving/predict)
  input  x  float [?]
  output y  float [?]
  output z  float [?]
  requests can share a batch
      rows   ms a run  rows a second
"""


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever the command sets is for processes of its own."""
    monkeypatch.setenv("TF_CPP_MIN_LOG_LEVEL", "2")
    monkeypatch.setenv("TF_USE_LEGACY_KERAS", "1")


@pytest.fixture
def report(capsys: pytest.CaptureFixture[str]) -> Any:
    """The JSON about a folder."""

    def inspect_(folder: Path, batch_sizes: str = "1,2") -> Any:
        assert main(["inspect", str(folder), "--json", f"--batch_sizes={batch_sizes}"]) == 0
        return json.loads(capsys.readouterr().out)

    return inspect_


def test_the_highest_version_as_text(models: dict[str, Path], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["inspect", str(models["half"]), "--batch_sizes=1,64"]) == 0
    text = capsys.readouterr().out
    assert text.startswith(f"{models['half'] / '2'}\n")
    assert "  graph with tags serve, by TensorFlow " in text and "RealDiv" in text
    assert HALF in text
    rows = text.partition(HALF)[2].splitlines()[:2]
    assert [line.split()[0] for line in rows] == ["1", "64"]


def test_a_single_version_as_json(models: dict[str, Path], report: Any) -> None:
    found = report(models["pair"] / "1")
    signature = found["signatures"]["serving_default"]
    assert signature["inputs"]["a"] == {"dtype": "float", "shape": [-1, 2]}
    assert signature["obstacle_to_batching"] is None
    assert [trial["rows"] for trial in signature["trials"]] == [1, 2]
    assert min(trial["milliseconds"] for trial in signature["trials"]) > 0
    assert found["file_bytes"] > found["parameters"] == 0
    assert found["graphs"][0]["operations"]["Cast"] >= 1


def test_parameters_are_counted(models: dict[str, Path], report: Any) -> None:
    assert report(models["tf1"])["parameters"] == 2


def test_an_obstacle_to_batching(models: dict[str, Path], report: Any) -> None:
    signature = report(models["fixed"])["signatures"]["serving_default"]
    assert signature["obstacle_to_batching"] == "the first dimension of input 'x' is fixed to 4"
    assert [trial["rows"] for trial in signature["trials"]] == [None]


def test_every_element_type_is_tried(models: dict[str, Path], report: Any) -> None:
    signatures = report(models["echo"], batch_sizes="1")["signatures"]
    errors = {name: found["trial_error"] for name, found in signatures.items()}
    assert set(errors.values()) == {None}
    untried = [name for name, found in signatures.items() if not found["trials"]]
    assert untried == ["__saved_model_init_op"]


def test_values_that_the_model_refuses(models: dict[str, Path], report: Any) -> None:
    found = report(models["examples"])["signatures"]["classify"]
    assert "Feature: x (data type: float) is required but could not be found" in found["trial_error"]


def test_without_trials(models: dict[str, Path], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["inspect", str(models["gate"]), "--batch_sizes="]) == 0
    assert "ms a run" not in capsys.readouterr().out


def test_threads_within_operations(models: dict[str, Path]) -> None:
    """They are the process's, so it is one of its own; how many of them there are is all that can be seen."""
    flags = [str(models["half"]), "--tensorflow_intra_op_parallelism=100"]
    script = (
        f"import psutil; from kernel_server.cli import main; main(['inspect', *{flags}]); "
        "print(psutil.Process().num_threads())"
    )
    told = subprocess.run([sys.executable, "-c", script], check=True, capture_output=True, text=True).stdout
    assert 100 < int(told.splitlines()[-1]) < 150


def test_a_folder_that_is_not_there(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["inspect", str(tmp_path / "none")]) == 1
    assert capsys.readouterr().err.startswith(f"NOT_FOUND: {tmp_path / 'none'} is no folder.")


def test_a_folder_without_a_model(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["inspect", str(tmp_path)]) == 1
    assert capsys.readouterr().err.startswith("NOT_FOUND: Could not find SavedModel .pb or .pbtxt")


@pytest.mark.parametrize("sizes", ["0", "two"])
def test_sizes_that_cannot_be(sizes: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["inspect", str(tmp_path), f"--batch_sizes={sizes}"])
    assert ended.value.code == 2
    assert "--batch_sizes" in capsys.readouterr().err
