"""Small models of every kind but SavedModels: each function writes one version folder."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

PYTHON_FILE = """
from pathlib import Path

import numpy as np
from kernel_server.servables.python import Tensor, signature

PLACE = Path(__file__).parent
offset = np.load(PLACE / "offset.npy")


@signature(inputs={"x": Tensor("float32", [None])}, outputs={"y": Tensor("float32", [None])})
def add(x):
    (PLACE / "called").touch()
    if np.isnan(x).any():
        raise ValueError("x must be a number")
    return x + offset
"""


@dataclass(frozen=True)
class Kind:
    """How to write a model of a kind, and what it answers."""

    platform: str
    export: Callable[[Path], None]
    inputs: Mapping[str, Any]
    outputs: Mapping[str, Any]


def python_file(path: Path, offset: float = 1.0) -> None:
    """``y = x + offset`` for any number of single values that are numbers."""
    import numpy as np

    path.mkdir(parents=True)
    (path / "servable.py").write_text(PYTHON_FILE)
    np.save(path / "offset.npy", offset)


def sklearn_model(path: Path) -> None:
    """Whether the sum of two columns is more than two."""
    import skops.io
    from sklearn.linear_model import LogisticRegression

    path.mkdir(parents=True)
    estimator = LogisticRegression().fit([[0.0, 0.0], [1.0, 1.0], [1.0, 2.0], [3.0, 3.0]], [0, 0, 1, 1])
    skops.io.dump(estimator, path / "model.skops")


KINDS = {
    "python": Kind("python", python_file, {"x": [1.0, 2.0]}, {"y": [2.0, 3.0]}),
    "sklearn": Kind("tensorflow", sklearn_model, {"inputs": [[0.0, 0.0], [3.0, 2.0]]}, {"outputs": [0, 1]}),
}
"""One model of each kind by its name; most are found by what is in their folders."""
