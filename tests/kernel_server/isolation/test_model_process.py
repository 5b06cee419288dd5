"""The process of one version, without a server around."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from support.other_models import python_file

from kernel_server.core.servable import ServableId
from kernel_server.errors import InvalidArgument
from kernel_server.isolation import model_process
from kernel_server.isolation.model_process import ModelProcess, ModelProcessEnded, question
from kernel_server.settings import Settings

ADD = question("runner", "serving_default", ["y"])


@pytest.fixture
def process(tmp_path: Path) -> Iterator[ModelProcess]:
    """A version that takes forever to close."""
    python_file(tmp_path / "1")
    with (tmp_path / "1" / "servable.py").open("a") as file:
        file.write("\ndef close():\n    while True:\n        pass\n")
    process = ModelProcess(ServableId("ä b", 1), tmp_path / "1", "python", Settings())
    yield process
    process.end()


def test_from_its_start_to_its_end(process: ModelProcess, monkeypatch: pytest.MonkeyPatch) -> None:
    assert process.load().keys() == {"serving_default"}
    (answer,) = process.ask(ADD, [np.ones(2, np.float32)]).arrays
    assert answer.tolist() == [2.0, 2.0]
    with pytest.raises(InvalidArgument, match="x must be a number"):
        process.ask(ADD, [np.full(2, np.nan, np.float32)])

    monkeypatch.setattr(model_process, "_MOST_SECONDS_TO_CLOSE", 0.1)
    with pytest.raises(ModelProcessEnded, match=r"\{name: ä b version: 1\} was ended by signal 9"):
        process.close()
    with pytest.raises(ModelProcessEnded):
        process.ask(ADD, [np.ones(2, np.float32)])
