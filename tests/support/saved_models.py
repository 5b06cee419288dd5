"""Small SavedModels of every kind that the server has to load, each the shortest export that shows it.

Every function writes one version folder. TensorFlow and Keras are imported by the callers' first use,
so that collecting tests stays quick.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

DTYPES = (
    "float32", "float64", "int32", "uint8", "int16", "int8", "string", "complex64", "int64", "bool",
    "bfloat16", "uint16", "complex128", "half", "uint32", "uint64",
)  # fmt: skip


def export_all(folder: Path) -> dict[str, Path]:
    """Write every model; the base paths by model name."""
    for version in (1, 2):
        half_plus(folder / "half" / str(version), 1.0 + version)
    for name, export in _EXPORTS.items():
        export(folder / name / "1")
    return {name: folder / name for name in ("half", *_EXPORTS)}


def half_plus(path: Path, offset: float) -> None:
    """TF2: ``y = x / 2 + offset`` and ``z = -x``, both for any number of single values."""
    import tensorflow as tf

    def call(x: Any) -> dict[str, Any]:
        return {"y": x / 2 + offset, "z": -x}

    _save(path, {"serving_default": _function(call, x=tf.TensorSpec([None], tf.float32))})


def keras_dense(path: Path) -> None:
    """Keras 3: the sum of two columns plus one, through ``model.export``."""
    import keras

    ones = keras.initializers.Ones()
    model = keras.Sequential(
        [keras.Input((2,)), keras.layers.Dense(1, kernel_initializer=ones, bias_initializer=ones)]
    )
    model.export(path, verbose=False)


def variables_of_tf1(path: Path) -> None:
    """TF1 with a session and variables: ``y = 3 * x + 1`` on rows of one."""
    import tensorflow.compat.v1 as tf1

    with tf1.Graph().as_default(), tf1.Session() as session:
        x = tf1.placeholder(tf1.float32, [None, 1])
        scale, shift = tf1.Variable(3.0, use_resource=False), tf1.Variable(1.0, use_resource=False)
        y = x * scale + shift
        session.run(tf1.global_variables_initializer())
        _save_session(path, session, {"serving_default": ({"x": x}, {"y": y})})


def words(path: Path) -> None:
    """Strings in; strings and their lengths in bytes out."""
    import tensorflow as tf

    def call(text: Any) -> dict[str, Any]:
        return {"upper": tf.strings.upper(text), "length": tf.strings.length(text)}

    _save(path, {"serving_default": _function(call, text=tf.TensorSpec([None], tf.string))})


def pair(path: Path) -> None:
    """Two inputs of different type and rank, two outputs."""
    import tensorflow as tf

    def call(a: Any, b: Any) -> dict[str, Any]:
        return {"sum": tf.reduce_sum(a, 1) + tf.cast(b, tf.float32), "twice": b * 2}

    specs = {"a": tf.TensorSpec([None, 2], tf.float32), "b": tf.TensorSpec([None], tf.int64)}
    _save(path, {"serving_default": _function(call, **specs)})


def fixed(path: Path) -> None:
    """A first dimension that is fixed to four, so that requests cannot share a batch."""
    import tensorflow as tf

    _save(path, {"serving_default": _function(lambda x: {"y": x * 2}, x=tf.TensorSpec([4, 2], tf.float32))})


def picky(path: Path) -> None:
    """``y = x``, but the graph refuses a batch with a negative value in it."""
    import tensorflow as tf

    def call(x: Any) -> dict[str, Any]:
        with tf.control_dependencies([tf.debugging.assert_non_negative(x, message="x must not be negative")]):
            return {"y": tf.identity(x)}

    _save(path, {"serving_default": _function(call, x=tf.TensorSpec([None], tf.float32))})


def echo(path: Path) -> None:
    """One signature per element type that answers its input, and ``complex``, which makes floats complex."""
    import tensorflow as tf

    signatures = {
        name: _function(lambda x: {"y": tf.identity(x)}, x=tf.TensorSpec([None], tf.as_dtype(name)))
        for name in DTYPES
    }
    to_complex = _function(lambda x: {"y": tf.complex(x, x)}, x=tf.TensorSpec([None], tf.float32))
    _save(path, signatures | {"complex": to_complex})


def gate(path: Path) -> None:
    """``serving_default`` answers ``x`` only after ``release`` was asked, once per value it was given.

    What waits at the gate is in flight for as long as a test needs.
    """
    import tensorflow.compat.v1 as tf1

    with tf1.Graph().as_default() as graph, tf1.Session() as session:
        x = tf1.placeholder(tf1.float32, [None])
        tokens = tf1.FIFOQueue(1000, [tf1.float32], shapes=[()])
        with graph.control_dependencies([tokens.dequeue()]):
            passed = tf1.identity(x)
        with graph.control_dependencies([tokens.enqueue_many([x])]):
            released = tf1.identity(x)
        signatures = {"serving_default": ({"x": x}, {"y": passed}), "release": ({"x": x}, {"y": released})}
        _save_session(path, session, signatures)


def spin(path: Path) -> None:
    """``y = x`` after as many turns of a loop as the largest ``x`` says; a million take some seconds."""
    import tensorflow.compat.v1 as tf1

    with tf1.Graph().as_default() as graph, tf1.Session() as session:
        x = tf1.placeholder(tf1.float32, [None])
        turns = tf1.cast(tf1.reduce_max(x), tf1.int32)
        end = tf1.while_loop(lambda turn: turn < turns, lambda turn: turn + 1, (tf1.constant(0),))
        with graph.control_dependencies(end if isinstance(end, list) else [end]):
            y = tf1.identity(x)
        _save_session(path, session, {"serving_default": ({"x": x}, {"y": y})})


def counter(path: Path) -> None:
    """``y = x`` plus how often the model has run."""
    import tensorflow.compat.v1 as tf1

    with tf1.Graph().as_default(), tf1.Session() as session:
        x = tf1.placeholder(tf1.float32, [None])
        runs = tf1.Variable(0.0, use_resource=False)
        y = x + tf1.assign_add(runs, 1.0)
        session.run(tf1.global_variables_initializer())
        _save_session(path, session, {"serving_default": ({"x": x}, {"y": y})})


def examples(path: Path) -> None:
    """Serialized examples in: ``x / 2 + shift`` out, as values and as classes; ``shift`` may be absent.

    Some of its signatures suit neither Classify nor Regress.
    """
    import tensorflow as tf

    features = {
        "x": tf.io.FixedLenFeature([], tf.float32),
        "shift": tf.io.FixedLenFeature([], tf.float32, 0.0),
    }

    def signature(answer: Callable[[Any], dict[str, Any]]) -> Any:
        def call(inputs: Any) -> dict[str, Any]:
            parsed = tf.io.parse_example(inputs, features)
            return answer(parsed["x"] / 2 + parsed["shift"])

        return _function(call, inputs=tf.TensorSpec([None], tf.string))

    def labels(y: Any) -> Any:
        return tf.repeat([["up", "down"]], tf.size(y), 0)

    def scores(y: Any) -> Any:
        return tf.stack([y, -y], 1)

    answers: dict[str, Callable[[Any], dict[str, Any]]] = {
        "serving_default": lambda y: {"outputs": y},
        "column": lambda y: {"outputs": y[:, None]},
        "classify": lambda y: {"classes": labels(y), "scores": scores(y)},
        "labels": lambda y: {"classes": labels(y)},
        "scores": lambda y: {"scores": scores(y)},
        "wide": lambda y: {"outputs": scores(y)},
        "integers": lambda y: {"outputs": tf.cast(y, tf.int64)},
        "flat": lambda y: {"scores": y},
        "three": lambda y: {"classes": labels(y), "scores": scores(y), "y": y},
        "misnamed": lambda y: {"y": y},
    }
    _save(path, {name: signature(answer) for name, answer in answers.items()})


_EXPORTS: Mapping[str, Callable[[Path], None]] = {
    "keras": keras_dense,
    "tf1": variables_of_tf1,
    "words": words,
    "pair": pair,
    "fixed": fixed,
    "picky": picky,
    "echo": echo,
    "gate": gate,
    "spin": spin,
    "examples": examples,
}


def _function(call: Callable[..., Any], **inputs: Any) -> Any:
    import tensorflow as tf

    specs = [tf.TensorSpec(spec.shape, spec.dtype, name=name) for name, spec in inputs.items()]
    return tf.function(call, input_signature=specs)


def _save(path: Path, signatures: Mapping[str, Any]) -> None:
    import tensorflow as tf

    tf.saved_model.save(tf.Module(), str(path), signatures=dict(signatures))


def _save_session(path: Path, session: Any, signatures: Mapping[str, tuple[Any, Any]]) -> None:
    import tensorflow.compat.v1 as tf1

    definitions = {
        name: tf1.saved_model.predict_signature_def(inputs, outputs)
        for name, (inputs, outputs) in signatures.items()
    }
    builder = tf1.saved_model.Builder(str(path))
    builder.add_meta_graph_and_variables(session, ["serve"], definitions)
    builder.save()
