"""The throughput benchmark's model: a perceptron 784-512-512-10, random weights, 0.67 M parameters."""

import os
from itertools import pairwise
from pathlib import Path
from time import perf_counter

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import numpy as np
import tensorflow as tf

WIDTHS = (784, 512, 512, 10)


class Perceptron(tf.Module):
    def __init__(self) -> None:
        super().__init__()
        random = np.random.default_rng(0)
        self.layers = [
            (
                tf.Variable(random.normal(0, 0.05, (a, b)).astype(np.float32)),
                tf.Variable(np.zeros(b, np.float32)),
            )
            for a, b in pairwise(WIDTHS)
        ]

    @tf.function(input_signature=[tf.TensorSpec([None, WIDTHS[0]], tf.float32, name="x")])
    def serve(self, x: tf.Tensor) -> dict[str, tf.Tensor]:
        for weights, bias in self.layers[:-1]:
            x = tf.nn.relu(tf.matmul(x, weights) + bias)
        weights, bias = self.layers[-1]
        return {"y": tf.matmul(x, weights) + bias}


def export(base_path: Path) -> None:
    """Write version 1."""
    module = Perceptron()
    tf.saved_model.save(module, str(base_path / "1"), signatures={"serving_default": module.serve})


def rows_per_second(base_path: Path, batch: int, seconds: float = 1.0) -> float:
    """What the model alone does, called in a loop as the server calls it."""
    from kernel_server.core.servable import ServableId
    from kernel_server.servables.saved_model import platform
    from kernel_server.settings import Settings

    loader = platform(Settings(model_base_path=str(base_path), device="cpu"))(
        ServableId("mlp", 1), base_path / "1"
    )
    run = loader.load().runner("serving_default", ["y"])
    rows = np.zeros((batch, WIDTHS[0]), np.float32)
    run([rows])
    began, count = perf_counter(), 0
    while perf_counter() - began < seconds:
        run([rows])
        count += batch
    return count / (perf_counter() - began)
