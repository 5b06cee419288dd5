"""TensorFlow Serving's own test models, which lie beside the repository where they are present at all."""

from __future__ import annotations

from pathlib import Path

import pytest

_FOLDER = Path(__file__).parents[2].parent / "shared" / "testdata"


def upstream(name: str) -> Path:
    """A file or folder of TensorFlow Serving's test data; skips the test where it is missing."""
    path = _FOLDER / name
    if not path.exists():
        pytest.skip(f"TensorFlow Serving's test data is not here: ../shared/testdata/{name}")
    return path.resolve()
