"""What all peers share: their arguments, and a SavedModel called the way TensorFlow's guide does.

    python PEER_server.py --model VERSION_FOLDER --port PORT [--max-batch 32] [--timeout-micros 2000]

A peer listens on 127.0.0.1, for gRPC on that port and for HTTP on the next, and leaves its files in the
current folder.
"""

import argparse
import os
from pathlib import Path
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import numpy as np

NAME = "mlp"
"""What the model is called in requests."""


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", type=Path, required=True)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--max-batch", type=int, default=32)
    parser.add_argument("--timeout-micros", type=int, default=2000)
    return parser.parse_args()


class Model:
    """One float32 input, one output, both with any number of rows."""

    def __init__(self, path: Path | str):
        import tensorflow as tf

        self._constant = tf.constant
        self._loaded = tf.saved_model.load(str(path))
        self._call = self._loaded.signatures["serving_default"]
        ((self.input, spec),) = self._call.structured_input_signature[1].items()
        self.output, answer = next(iter(self._call.structured_outputs.items()))
        self.row_shape, self.answer_shape = tuple(spec.shape[1:]), tuple(answer.shape[1:])

    def __call__(self, rows: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
        return self._call(**{self.input: self._constant(rows)})[self.output].numpy()
