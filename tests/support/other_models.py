"""Small models of every kind but SavedModels: each function writes one version folder."""

from __future__ import annotations

import shutil
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

EXAMPLES_FILE = """
import numpy as np
import tensorflow as tf
from kernel_server.servables.python import Tensor, signature

EXAMPLES = {"inputs": Tensor(str, [None])}
ROWS, WORDS = Tensor("float32", [None, 2]), Tensor(str, [None, 2])


def x_of(examples):
    return tf.io.parse_example(examples, {"x": tf.io.FixedLenFeature([], tf.float32)})["x"].numpy()


@signature(inputs=EXAMPLES, outputs={"classes": WORDS, "scores": ROWS}, method="classify")
def classify(inputs):
    x = x_of(inputs)
    return {"classes": [["low", "high"]] * len(x), "scores": np.stack([1 - x, x], 1)}


@signature(inputs=EXAMPLES, outputs={"outputs": Tensor("float32", [None])}, name="double", method="regress")
def double(inputs):
    return x_of(inputs) * 2
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


def python_of_examples(path: Path) -> None:
    """Scores that x of an Example is ``low`` and ``high``; signature ``double`` answers 2 x."""
    path.mkdir(parents=True)
    (path / "servable.py").write_text(EXAMPLES_FILE)


def sklearn_model(path: Path) -> None:
    """Whether the sum of two columns is more than two."""
    import skops.io
    from sklearn.linear_model import LogisticRegression

    path.mkdir(parents=True)
    estimator = LogisticRegression().fit([[0.0, 0.0], [1.0, 1.0], [1.0, 2.0], [3.0, 3.0]], [0, 0, 1, 1])
    skops.io.dump(estimator, path / "model.skops")


def onnx_model(path: Path) -> None:
    """``y`` is the sum of two columns; ``word`` is ``text``."""
    import onnx
    from onnx import TensorProto, helper

    def tensor(name: str, kind: int, *shape: Any) -> Any:
        return helper.make_tensor_value_info(name, kind, ["rows", *shape])

    graph = helper.make_graph(
        [helper.make_node("MatMul", ["x", "ones"], ["y"]), helper.make_node("Identity", ["text"], ["word"])],
        "sum",
        [tensor("x", TensorProto.FLOAT, 2), tensor("text", TensorProto.STRING)],
        [tensor("y", TensorProto.FLOAT, 1), tensor("word", TensorProto.STRING)],
        [helper.make_tensor("ones", TensorProto.FLOAT, [2, 1], [1.0, 1.0])],
    )
    path.mkdir(parents=True)
    opsets = [helper.make_opsetid("", 17)]
    onnx.save(helper.make_model(graph, opset_imports=opsets, ir_version=9), path / "model.onnx")


def hashmap(path: Path) -> None:
    """The capitals of two countries, in a file that is the version, as with TensorFlow Serving."""
    path.parent.mkdir()
    path.write_text("France,Paris\nPerú,Lima\nFrance,Lyon\n")


def vocabulary(path: Path) -> None:
    """Three words."""
    path.mkdir(parents=True)
    (path / "vocabulary.txt").write_text("a\nb\nc\n")


def embeddings(path: Path) -> None:
    """Three rows of two, and a word for each."""
    import numpy as np

    vocabulary(path)
    np.save(path / "embeddings.npy", np.array([[1, 2], [3, 4], [5, 6]], np.float32))


def chain(path: Path) -> None:
    """A SavedModel that counts the letters of words, in front of the embeddings with that number."""
    import tensorflow as tf

    @tf.function(input_signature=[tf.TensorSpec([None], tf.string, "words")])
    def preprocess(words: Any) -> dict[str, Any]:
        return {"ids": tf.cast(tf.strings.length(words, unit="UTF8_CHAR"), tf.int64), "words": words}

    tf.saved_model.save(tf.Module(), str(path / "count"), signatures=preprocess)
    embeddings(path / "look_up")
    (path / "chain.json").write_text('{"steps": ["count", "look_up"]}')


def tflite_of_examples(path: Path, flex: bool = False) -> None:
    """The same of a TFLite model, each of whose signatures parses examples itself."""
    import tensorflow as tf

    def x_of(inputs: Any) -> Any:
        return tf.io.parse_example(inputs, {"x": tf.io.FixedLenFeature([], tf.float32)})["x"]

    @tf.function(input_signature=[tf.TensorSpec([None], tf.string, "inputs")])
    def score(inputs: Any) -> dict[str, Any]:
        return {"scores": tf.stack([1 - x_of(inputs), x_of(inputs)], 1)}

    @tf.function(input_signature=[tf.TensorSpec([None], tf.string, "inputs")])
    def double(inputs: Any) -> dict[str, Any]:
        return {"outputs": x_of(inputs) * 2}

    converted(path, {"serving_default": score, "double": double}, flex)


def chain_of_examples(path: Path) -> None:
    """A SavedModel that reads x from Examples, in front of a TFLite model of the same signatures as above."""
    import tensorflow as tf

    @tf.function(input_signature=[tf.TensorSpec([None], tf.string, "inputs")])
    def read(inputs: Any) -> dict[str, Any]:
        return tf.io.parse_example(inputs, {"x": tf.io.FixedLenFeature([], tf.float32)})

    @tf.function(input_signature=[tf.TensorSpec([None], tf.float32, "x")])
    def score(x: Any) -> dict[str, Any]:
        return {"scores": tf.stack([1 - x, x], 1)}

    @tf.function(input_signature=[tf.TensorSpec([None], tf.float32, "x")])
    def double(x: Any) -> dict[str, Any]:
        return {"outputs": x * 2}

    tf.saved_model.save(tf.Module(), str(path / "read"), signatures=read)
    converted(path / "score", {"serving_default": score, "double": double})
    (path / "chain.json").write_text('{"steps": ["read", "score"]}')


def tflite_model(path: Path) -> None:
    """``y`` is the sum of two columns; signature ``texts`` answers its strings."""
    import tensorflow as tf

    @tf.function(input_signature=[tf.TensorSpec([None, 2], tf.float32, "x")])
    def add(x: Any) -> dict[str, Any]:
        return {"y": tf.reduce_sum(x, 1)}

    @tf.function(input_signature=[tf.TensorSpec([None], tf.string, "text")])
    def echo(text: Any) -> dict[str, Any]:
        return {"word": tf.identity(text)}

    converted(path, {"serving_default": add, "texts": echo})


def converted(path: Path, signatures: Mapping[str, Any], flex: bool = False) -> None:
    """A TFLite model of some ``tf.function``, with TensorFlow's own operations if ``flex``."""
    import tensorflow as tf

    model = tf.Module()
    model.functions = list(signatures.values())
    tf.saved_model.save(model, str(path / "source"), signatures=signatures)
    converter = tf.lite.TFLiteConverter.from_saved_model(
        str(path / "source"), signature_keys=list(signatures)
    )
    converter.allow_custom_ops = True
    if flex:
        converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS, tf.lite.OpsSet.SELECT_TF_OPS]
    (path / "model.tflite").write_bytes(converter.convert())
    shutil.rmtree(path / "source")


KINDS = {
    "python": Kind("python", python_file, {"x": [1.0, 2.0]}, {"y": [2.0, 3.0]}),
    "sklearn": Kind("tensorflow", sklearn_model, {"inputs": [[0.0, 0.0], [3.0, 2.0]]}, {"outputs": [0, 1]}),
    "onnx": Kind(
        "tensorflow",
        onnx_model,
        {"x": [[1.0, 2.0], [3.0, 4.0]], "text": ["é", "b"]},
        {"y": [[3.0], [7.0]], "word": ["é", "b"]},
    ),
    "tflite": Kind("tensorflow", tflite_model, {"x": [[1.0, 2.0], [3.0, 4.0]]}, {"y": [3.0, 7.0]}),
    "hashmap": Kind(
        "hashmap",
        hashmap,
        {"keys": ["France", "Spain"]},
        {"values": ["Paris", ""], "found": [True, False]},
    ),
    "vocabulary": Kind("tensorflow", vocabulary, {"tokens": ["b", "x"]}, {"ids": [1, -1]}),
    "embeddings": Kind("tensorflow", embeddings, {"ids": [2, 0]}, {"embeddings": [[5.0, 6.0], [1.0, 2.0]]}),
    "chain": Kind("tensorflow", chain, {"words": ["ä", ""]}, {"embeddings": [[3.0, 4.0], [1.0, 2.0]]}),
}
"""One model of each kind by its name; most are found by what is in their folders."""
