"""The models that are served, with random weights, and what they answer to the benchmark's row.

``python -m benchmarks.models FOLDER`` writes them all: NAME/1, and NAME.npy with the answer. TensorFlow is
imported by that process only, so that it takes no memory from what is measured.
"""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

SHAPES = {"mlp": (784,), "cnn": (96, 96, 3), "image": (224, 224, 3), "number": (1,)}
"""Of one row, of those models that take float32; ``image``, of 600 kB, and ``number`` come back as sent."""

STRINGS = ("upper", "length")
"""Models that take strings, one a row."""


def row(name: str) -> NDArray[np.float32]:
    """One request's input: a batch of one row."""
    shape = (1, *SHAPES[name])
    return np.linspace(0, 1, int(np.prod(shape)), dtype=np.float32).reshape(shape)


def export_all(folder: Path) -> None:
    """Write every model, in a process of its own."""
    command = [sys.executable, "-m", "benchmarks.models", str(folder)]
    subprocess.run(command, check=True, stderr=subprocess.DEVNULL)


def answer(base_path: Path) -> NDArray[Any]:
    """What the model there says to its :func:`row`."""
    return np.asarray(np.load(base_path.with_suffix(".npy")))


def _export(folder: Path) -> None:
    import tensorflow as tf

    tf.keras.utils.set_random_seed(0)
    layers = tf.keras.layers
    mlp = tf.keras.Sequential(
        [tf.keras.Input((784,)), layers.Dense(512, "relu"), layers.Dense(512, "relu"), layers.Dense(10)]
    )
    cnn = tf.keras.applications.MobileNetV2((96, 96, 3), alpha=0.5, weights=None, classes=100)
    calls: dict[str, tuple[Callable[..., Any], Any]] = {
        "mlp": (lambda x: mlp(x, training=False), mlp),
        "cnn": (lambda x: cnn(x, training=False), cnn),
        "image": (tf.identity, None),
        "number": (tf.identity, None),
    }
    for name, (call, owner) in calls.items():
        spec = tf.TensorSpec([None, *SHAPES[name]], tf.float32, name="x")
        serve = _save(folder / name / "1", call, spec, owner)
        np.save(folder / f"{name}.npy", serve(tf.constant(row(name)))["y"].numpy())
    for name in STRINGS:
        _save(
            folder / name / "1", getattr(tf.strings, name), tf.TensorSpec([None], tf.string, name="x"), None
        )


def _save(path: Path, call: Callable[..., Any], spec: Any, owner: Any) -> Any:
    import tensorflow as tf

    module = tf.Module()
    module.owner = owner
    module.serve = tf.function(lambda x: {"y": call(x)}, input_signature=[spec])
    tf.saved_model.save(module, str(path), signatures={"serving_default": module.serve})
    return module.serve


if __name__ == "__main__":
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    _export(Path(sys.argv[1]))
