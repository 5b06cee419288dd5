"""Every kind of model that can be exported, read back by TensorFlow's own two loaders."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from workbench.export import (
    ExportedModel,
    NoServingSignature,
    NotBatchable,
    NotExportable,
    WarmupRefused,
    export_model,
    obstacle_to_batching,
)

tf = pytest.importorskip("tensorflow")
keras = pytest.importorskip("keras")
layers = keras.layers

X = np.linspace(-1, 1, 12, dtype=np.float32).reshape(3, 4)


def in_session(exported: ExportedModel, **inputs: Any) -> dict[str, Any]:
    """The answer of a plain TF1 session, which is how TensorFlow Serving runs a SavedModel."""
    with tf.compat.v1.Session(graph=tf.Graph()) as session:
        graph = tf.compat.v1.saved_model.load(session, ["serve"], str(exported.path))
        signature = graph.signature_def["serving_default"]
        feed = {signature.inputs[name].name: value for name, value in inputs.items()}
        return session.run({name: tensor.name for name, tensor in signature.outputs.items()}, feed)


def in_tf2(exported: ExportedModel, **inputs: Any) -> dict[str, Any]:
    run = tf.saved_model.load(str(exported.path)).signatures["serving_default"]
    outputs = run(**{name: tf.constant(value) for name, value in inputs.items()})
    return {name: tensor.numpy() for name, tensor in outputs.items()}


def dense_model() -> Any:
    return keras.Sequential(
        [
            keras.Input((4,)),
            layers.Dense(3, "relu"),
            layers.BatchNormalization(),
            layers.Dropout(0.5),
            layers.Dense(2),
        ]
    )


def normalising_model() -> Any:
    normalise = layers.Normalization()
    normalise.adapt(X)
    inputs = keras.Input((4,), name="features")
    return keras.Model(inputs, layers.Dense(2)(normalise(inputs)))


def two_input_model() -> Any:
    left, right = keras.Input((4,), name="left"), keras.Input((4,), name="right")
    sums = layers.Dense(2)(layers.Subtract()([left, right]))
    return keras.Model({"right": right, "left": left}, {"sum": sums})


def recurrent_model() -> Any:
    return keras.Sequential([keras.Input((None, 4)), layers.LSTM(3)])


def vocabulary_model() -> Any:
    words = keras.Input((1,), dtype="string", name="word")
    numbers = layers.StringLookup(vocabulary=["a", "b"])(words)
    return keras.Model(words, layers.Flatten()(layers.Embedding(4, 2)(numbers)))


class Affine(tf.Module):
    """A method that calls another, a variable, a constant and a table."""

    def __init__(self) -> None:
        super().__init__()
        self.scale = tf.Variable([2.0, 3.0, 4.0, 5.0])
        self.offset = tf.constant([1.0])
        pairs = tf.lookup.KeyValueTensorInitializer(["a", "b"], [1.0, 2.0])
        self.table = tf.lookup.StaticHashTable(pairs, default_value=-1.0)

    @tf.function(input_signature=[tf.TensorSpec([None, 4], tf.float32)])
    def __call__(self, x: Any) -> Any:
        return {"y": self._scaled(x)}

    @tf.function
    def _scaled(self, x: Any) -> Any:
        return x * self.scale + self.offset

    @tf.function(input_signature=[tf.TensorSpec([None], tf.string)])
    def weigh(self, word: Any) -> Any:
        return {"weight": self.table.lookup(word)}


@tf.function(input_signature=[tf.TensorSpec([None, 4], tf.float32)])
def double(x: Any) -> Any:
    return {"y": 2 * x}


def plain(x: Any) -> Any:
    return {"y": tf.reduce_sum(x, axis=1)}


CASES: dict[str, tuple[Callable[[], Any], dict[str, Any], Any]] = {
    "keras sequential": (dense_model, {"x": X}, None),
    "keras functional": (normalising_model, {"features": X}, None),
    "keras, named inputs and outputs": (two_input_model, {"left": X, "right": X**2}, None),
    "keras, free length": (recurrent_model, {"x": np.stack([X, -X])}, None),
    "keras, lookup table": (vocabulary_model, {"word": np.array([["a"], ["z"]])}, None),
    "tf.Module": (Affine, {"x": X}, None),
    "tf.function": (lambda: double, {"x": X}, None),
    "concrete function": (lambda: double.get_concrete_function(), {"x": X}, None),
    "plain callable": (lambda: plain, {"x": X}, [tf.TensorSpec([None, 4], tf.float32)]),
}


@pytest.mark.parametrize(("build", "inputs", "signatures"), CASES.values(), ids=CASES.keys())
def test_both_loaders_answer_as_the_model_does(
    tmp_path: Path, build: Callable[[], Any], inputs: dict[str, Any], signatures: Any
) -> None:
    model = build()
    exported = export_model(model, tmp_path / "model", signatures=signatures)
    arguments = [inputs] if len(inputs) > 1 else [tf.constant(value) for value in inputs.values()]
    wanted = model(*arguments)
    named = wanted if isinstance(wanted, dict) else {"output_0": wanted}
    for answer in (in_session(exported, **inputs), in_tf2(exported, **inputs)):
        assert answer.keys() == named.keys()
        for name, value in named.items():
            np.testing.assert_allclose(answer[name], value, rtol=1e-5, atol=1e-6)
    assert list(exported.signatures[0].inputs) == sorted(inputs)
    assert obstacle_to_batching(exported.signatures[0]) is None


@pytest.fixture(scope="module")
def module() -> Iterator[Affine]:
    yield Affine()


def test_a_keras_layer_inside_a_module_survives_the_session_loader(tmp_path: Path) -> None:
    """``tf.saved_model.save(wrapper)`` writes copies of Keras's variables that a session never restores."""
    wrapper = tf.Module()
    wrapper.model = dense_model()
    wrapper.serve = tf.function(
        lambda image: {"score": wrapper.model(image, training=False)},
        input_signature=[tf.TensorSpec([None, 4], tf.float32, "image")],
    )
    exported = export_model(wrapper, tmp_path)
    np.testing.assert_allclose(in_session(exported, image=X)["score"], wrapper.model(X), rtol=1e-5, atol=1e-6)


def test_invented_input_names_do_not_depend_on_how_often_a_cell_was_run(tmp_path: Path) -> None:
    exports = [export_model(dense_model(), tmp_path) for _ in range(2)]
    assert list(exports[0].signatures[0].inputs) == ["x"]
    assert exports[0].signatures == exports[1].signatures
    assert [exported.version for exported in exports] == [1, 2]


def test_other_functions_of_a_module_become_signatures_of_their_own(tmp_path: Path, module: Affine) -> None:
    exported = export_model(module, tmp_path)
    assert [signature.name for signature in exported.signatures] == ["serving_default", "weigh"]


def test_an_undeclared_tf_function_takes_the_given_inputs(tmp_path: Path) -> None:
    undeclared = tf.function(lambda image: {"y": image + 1})
    exported = export_model(undeclared, tmp_path, signatures=[tf.TensorSpec([None, 4])])
    np.testing.assert_array_equal(in_session(exported, image=X)["y"], X + 1)


def test_signatures_by_name(tmp_path: Path) -> None:
    model = dense_model()
    logits = tf.function(lambda x: {"logits": model.layers[0](x)}, input_signature=[tf.TensorSpec([None, 4])])
    exported = export_model(
        model,
        tmp_path,
        signatures={"serving_default": [tf.TensorSpec([None, 4], name="features")], "hidden": logits},
    )
    assert {s.name: list(s.inputs) for s in exported.signatures} == {
        "serving_default": ["features"],
        "hidden": ["x"],
    }


def test_a_subclassed_keras_model_needs_its_inputs_declared(tmp_path: Path) -> None:
    class Doubling(keras.Model):
        def call(self, x: Any) -> Any:
            return 2 * x

    with pytest.raises(NoServingSignature, match=r"signatures=\[tf\.TensorSpec"):
        export_model(Doubling(), tmp_path)
    exported = export_model(Doubling(), tmp_path, signatures=[tf.TensorSpec([None, 4])])
    np.testing.assert_array_equal(in_session(exported, x=X)["output_0"], 2 * X)


def test_keras_inputs_of_a_fixed_batch_size_are_freed(tmp_path: Path) -> None:
    model = keras.Sequential([keras.Input((4,), batch_size=32), layers.Dense(2)])
    assert export_model(model, tmp_path).signatures[0].inputs["x"].shape == (-1, 4)
    assert export_model(model, tmp_path, batched=False).signatures[0].inputs["x"].shape == (32, 4)


def nothing_to_serve() -> Any:
    return tf.Module()


def unsigned_function() -> Any:
    return tf.function(lambda x: x)


@pytest.mark.parametrize(
    ("model", "signatures", "message"),
    [
        (nothing_to_serve, None, r"has no tf\.function with an input_signature.*Decorate a method"),
        (unsigned_function, None, r"has no input_signature.*signatures=\[tf\.TensorSpec"),
        (lambda: plain, None, r"function 'plain' does not say what its inputs are.*signatures="),
        (
            lambda: double,
            {"score": double},
            r"No signature is called 'serving_default' \(there is: 'score'\), which requests ask for",
        ),
        (lambda: 3, [tf.TensorSpec([None])], r"This int cannot be called"),
    ],
)
def test_an_export_without_a_serving_signature_is_refused(
    tmp_path: Path, model: Callable[[], Any], signatures: Any, message: str
) -> None:
    with pytest.raises(NoServingSignature, match=message):
        export_model(model(), tmp_path, signatures=signatures)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("function", "spec", "obstacle"),
    [
        (lambda x: 2 * x, [1, 4], "the first dimension of input 'x' is fixed to 1"),
        (lambda x: 2 * x, [], "input 'x' is a scalar"),
        (lambda x: tf.reduce_sum(x), [None, 4], "output 'output_0' is a scalar"),
        (
            lambda x: tf.reshape(x, [2, -1]),
            [None, 4],
            "the first dimension of output 'output_0' is fixed to 2",
        ),
    ],
)
def test_a_fixed_first_dimension_is_refused_unless_batching_is_off(
    tmp_path: Path, function: Callable[[Any], Any], spec: list[int | None], obstacle: str
) -> None:
    with pytest.raises(NotBatchable, match="batched=False") as caught:
        export_model(function, tmp_path, signatures=[tf.TensorSpec(spec, name="x")])
    assert caught.value.obstacle == obstacle
    assert list(tmp_path.iterdir()) == []
    exported = export_model(function, tmp_path, signatures=[tf.TensorSpec(spec, name="x")], batched=False)
    assert f"not batchable: {obstacle}" in str(exported)


def test_code_that_does_not_trace_is_named(tmp_path: Path) -> None:
    def broken(x: Any) -> Any:
        return tf.matmul(x, tf.zeros([7, 2]))

    with pytest.raises(NotExportable, match="'broken' fails when traced: "):
        export_model(broken, tmp_path, signatures=[tf.TensorSpec([None, 4])])


def test_a_table_that_nobody_owns_is_explained(tmp_path: Path) -> None:
    table = Affine().table
    with pytest.raises(NotExportable, match=r"attribute of a tf\.Module"):
        export_model(lambda word: table.lookup(word), tmp_path, signatures=[tf.TensorSpec([None], tf.string)])
    assert list(tmp_path.iterdir()) == []


def test_the_result_says_what_a_server_will_see(tmp_path: Path) -> None:
    exported = export_model(two_input_model(), tmp_path / "sums")
    assert str(exported).splitlines() == [
        f"sums, version 1: {tmp_path / 'sums' / '1'}",
        "  serving_default(left: float32 [?, 4], right: float32 [?, 4]) -> sum: float32 [?, 2]",
        "    batchable",
    ]
    page = exported._repr_html_()
    for fact in ("sums", "<strong>1</strong>", "left: float32 [?, 4]", "sum: float32 [?, 2]", "batchable"):
        assert fact in page


def test_the_export_adds_nothing_to_the_output_of_a_cell(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level("INFO", logger="tensorflow"):
        export_model(dense_model(), tmp_path / "digits")
        tf.get_logger().info("still at the level it had")
    assert caplog.messages == ["still at the level it had"]


def records(exported: ExportedModel) -> list[Any]:
    from tensorflow_serving.apis import prediction_log_pb2

    path = exported.path / "assets.extra" / "tf_serving_warmup_requests"
    raw = tf.data.TFRecordDataset(str(path)).as_numpy_iterator()
    return [prediction_log_pb2.PredictionLog.FromString(record).predict_log.request for record in raw]


def test_warmup_records_are_requests_of_the_default_signature(tmp_path: Path) -> None:
    exported = export_model(dense_model(), tmp_path / "digits", warmup=[X, {"x": X[:1].tolist()}])
    written = records(exported)
    assert exported.warmup_records == len(written) == 2
    assert {(r.model_spec.name, r.model_spec.signature_name) for r in written} == {
        ("digits", "serving_default")
    }
    np.testing.assert_array_equal(tf.make_ndarray(written[0].inputs["x"]), X)
    np.testing.assert_array_equal(tf.make_ndarray(written[1].inputs["x"]), X[:1])


@pytest.mark.parametrize(
    ("warmup", "message"),
    [
        (np.zeros((2, 5), np.float32), "record 0 does not run"),
        ([X, {"y": X}], "record 1 does not run"),
        ({"x": [["a"] * 4]}, "record 0 does not run"),
        ([X] * 1001, "at most 1000"),
    ],
)
def test_a_warmup_record_that_would_fail_the_load_is_refused(
    tmp_path: Path, warmup: Any, message: str
) -> None:
    with pytest.raises(WarmupRefused, match=message):
        export_model(dense_model(), tmp_path, warmup=warmup)
    assert list(tmp_path.iterdir()) == []
