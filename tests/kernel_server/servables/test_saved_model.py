"""Loading and running SavedModels, without a server around them."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tensorflow as tf
from support.saved_models import DTYPES
from support.testdata import upstream
from tensorflow.core.protobuf import saved_model_pb2

from kernel_server.core.dtypes import DataType
from kernel_server.core.servable import Servable, ServableId
from kernel_server.core.signature import DEFAULT_SIGNATURE
from kernel_server.errors import DataLoss, InvalidArgument, NotFound, ServingError
from kernel_server.servables.saved_model import platform
from kernel_server.settings import Settings

Load = Callable[[Path], Servable]


@pytest.fixture
def load() -> Iterator[Load]:
    """Loads version folders, and closes what came of it."""
    factory = platform(Settings(device="cpu"))
    servables: list[Servable] = []

    def load(version_folder: Path) -> Servable:
        servables.append(factory(ServableId("m", 1), version_folder).load())
        return servables[-1]

    yield load
    for servable in servables:
        servable.close()


def run(servable: Servable, *inputs: Any, signature: str = DEFAULT_SIGNATURE) -> dict[str, Any]:
    """All outputs of one call."""
    names = list(servable.signatures[signature].outputs)
    return dict(zip(names, servable.runner(signature, names)(inputs), strict=True))


def floats(*values: Any) -> Any:
    return np.array(values, np.float32)


class TestKinds:
    def test_a_tf_module(self, load: Load, models: dict[str, Path]) -> None:
        answer = run(load(models["half"] / "1"), floats(1, 2))
        assert (answer["y"].tolist(), answer["z"].tolist()) == ([2.5, 3.0], [-1.0, -2.0])

    def test_keras(self, load: Load, models: dict[str, Path]) -> None:
        (answer,) = run(load(models["keras"] / "1"), floats([1, 2])).values()
        assert answer.tolist() == [[4.0]]

    def test_a_keras_model_with_state_beside_its_weights(self, load: Load, tmp_path: Path) -> None:
        """Its restore operation leaves variables empty that the signature reads."""
        import keras

        model = keras.Sequential(
            [keras.Input((3,)), keras.layers.Dense(2), keras.layers.BatchNormalization()]
        )
        model.compile("adam", "mse")
        x = np.random.default_rng(0).normal(size=(8, 3)).astype(np.float32)
        model.fit(x, np.zeros((8, 2)), verbose=0)
        model.export(tmp_path / "1", verbose=False)
        (answer,) = run(load(tmp_path / "1"), x).values()
        np.testing.assert_allclose(answer, model.predict(x, verbose=0), rtol=1e-5)

    def test_variables_of_tf1(self, load: Load, models: dict[str, Path]) -> None:
        assert run(load(models["tf1"] / "1"), floats([2]))["y"].tolist() == [[7.0]]

    @pytest.mark.parametrize("name", DTYPES)
    def test_every_element_type(self, load: Load, models: dict[str, Path], name: str) -> None:
        dtype = tf.as_dtype(name)
        sent = np.array([b"a", b"\xff"] if name == "string" else [0, 1], dtype.as_numpy_dtype)
        servable = load(models["echo"] / "1")
        spec = servable.signatures[name].inputs["x"]
        assert (spec.dtype, spec.dtype.numpy) == (DataType(dtype.as_datatype_enum), sent.dtype)
        np.testing.assert_array_equal(run(servable, sent, signature=name)["y"], sent)

    @pytest.mark.parametrize(
        ("folder", "signature", "answer"),
        [
            ("saved_model_half_plus_two_cpu/00000123", DEFAULT_SIGNATURE, 3.0),
            ("saved_model_half_plus_two_tf2_cpu/00000123", DEFAULT_SIGNATURE, 3.0),
            ("saved_model_half_plus_two_2_versions/00000124", DEFAULT_SIGNATURE, 3.0),
            ("saved_model_half_plus_two_mkl/00000123", DEFAULT_SIGNATURE, 3.0),
            ("saved_model_half_plus_two_cpu_with_saved_model_config/00000123", DEFAULT_SIGNATURE, 3.0),
            ("saved_model_half_plus_two_cpu_with_empty_saved_model_config/00000123", DEFAULT_SIGNATURE, 3.0),
            ("saved_model_half_plus_three/00000123", DEFAULT_SIGNATURE, 4.0),
            ("saved_model_half_plus_two_cpu/00000123", "regress_x2_to_y3", 4.0),
        ],
    )
    def test_models_of_tensorflow_serving(
        self, load: Load, folder: str, signature: str, answer: float
    ) -> None:
        (value,) = run(load(upstream(folder)), floats([2]), signature=signature).values()
        assert value.tolist() == [[answer]]

    def test_matrices(self, load: Load) -> None:
        servable = load(upstream("matrix_half_plus_two/1"))
        assert run(servable, floats([[2.0] * 3] * 3))["y"].tolist() == [[[3.0] * 3] * 3]

    def test_state_and_reference_types(self, load: Load) -> None:
        servable = load(upstream("saved_model_counter/00000123"))
        calls = [("get_counter",), ("incr_counter",), ("incr_counter",), ("incr_counter_by", np.float32(2.5))]
        answers = [run(servable, *rest, signature=name)["output"] for name, *rest in calls]
        assert [float(answer) for answer in answers] == [0.0, 1.0, 2.0, 4.5]
        output = servable.signatures["get_counter"].outputs["output"]
        assert (output.wire_dtype, output.dtype) == (101, DataType.FLOAT)


class TestRunning:
    def test_any_shape_that_the_graph_takes(self, load: Load, models: dict[str, Path]) -> None:
        assert run(load(models["tf1"] / "1"), floats(1, 2, 3))["y"].tolist() == [4.0, 7.0, 10.0]

    def test_some_of_the_outputs_in_the_order_asked_for(self, load: Load, models: dict[str, Path]) -> None:
        servable = load(models["half"] / "1")
        z, y = servable.runner(DEFAULT_SIGNATURE, ["z", "y"])([floats(4)])
        assert (z.tolist(), y.tolist()) == ([-4.0], [4.0])

    def test_values_that_the_graph_refuses(self, load: Load, models: dict[str, Path]) -> None:
        with pytest.raises(InvalidArgument, match="x must not be negative"):
            run(load(models["picky"] / "1"), floats(1, -1))

    def test_a_wrong_type_is_told_as_a_session_tells_it(self, load: Load, models: dict[str, Path]) -> None:
        with pytest.raises(InvalidArgument, match=r"^Expects arg\[1\] to be int64 but float is provided$"):
            run(load(models["pair"] / "1"), floats([1, 2]), floats(1))

    def test_several_signatures_in_one_run(self, load: Load) -> None:
        """Their inputs are tensors of their own, which the same values feed."""
        servable = load(upstream("saved_model_half_plus_two_cpu/00000123"))
        joint = servable.joint_runner({"regress_x2_to_y3": ["outputs"], DEFAULT_SIGNATURE: ["y"]})
        assert [answer.tolist() for answer in joint([floats([2])])] == [[[4.0]], [[3.0]]]

    def test_an_error_that_quotes_bytes_of_the_request(self, load: Load) -> None:
        servable = load(upstream("saved_model_half_plus_two_cpu/00000123"))
        with pytest.raises(InvalidArgument):
            run(servable, np.array([b"\xff\xfe no example"], object), signature="regress_x_to_y")

    def test_obstacles_to_batching(self, load: Load, models: dict[str, Path]) -> None:
        obstacles = {
            name: load(models[name] / "1").signatures[DEFAULT_SIGNATURE].obstacle_to_batching
            for name in ("half", "pair", "fixed")
        }
        assert obstacles == {
            "half": None,
            "pair": None,
            "fixed": "the first dimension of input 'x' is fixed to 4",
        }


class TestBrokenFolders:
    @pytest.fixture
    def copy(self, models: dict[str, Path], tmp_path: Path) -> Path:
        """A version of a model with variables, to be broken."""
        return Path(shutil.copytree(models["keras"] / "1", tmp_path / "1"))

    @staticmethod
    def refusal(load: Load, folder: Path) -> ServingError:
        with pytest.raises(ServingError) as caught:
            load(folder)
        return caught.value

    def test_empty(self, load: Load, tmp_path: Path) -> None:
        error = self.refusal(load, tmp_path)
        assert isinstance(error, NotFound)
        assert error.message.startswith(
            f"Could not find SavedModel .pb or .pbtxt at supplied export directory path: {tmp_path}"
        )

    def test_the_graph_is_cut_short(self, load: Load, copy: Path) -> None:
        graph = copy / "saved_model.pb"
        graph.write_bytes(graph.read_bytes()[:1000])
        error = self.refusal(load, copy)
        assert isinstance(error, DataLoss)
        assert str(copy) in error.message

    def test_the_graph_is_something_else(self, load: Load, copy: Path) -> None:
        (copy / "saved_model.pb").write_text("not a graph at all")
        assert isinstance(self.refusal(load, copy), DataLoss)

    def test_the_values_are_cut_short(self, load: Load, copy: Path) -> None:
        (values,) = (copy / "variables").glob("*.data-*")
        values.write_bytes(values.read_bytes()[:10])
        error = self.refusal(load, copy)
        assert isinstance(error, DataLoss)
        assert str(copy) in error.message

    def test_the_index_of_the_values_is_cut_short(self, load: Load, copy: Path) -> None:
        (copy / "variables" / "variables.index").write_bytes(b"short")
        assert isinstance(self.refusal(load, copy), DataLoss)

    def test_the_values_are_missing(self, load: Load, copy: Path) -> None:
        shutil.rmtree(copy / "variables")
        error = self.refusal(load, copy)
        assert isinstance(error, NotFound)
        assert str(copy / "variables" / "variables.index") in error.message

    def test_a_signature_of_sparse_tensors_keeps_no_other_from_answering(
        self, load: Load, copy: Path
    ) -> None:
        file = copy / "saved_model.pb"
        model = saved_model_pb2.SavedModel.FromString(file.read_bytes())
        sparse = model.meta_graphs[0].signature_def["sparse"].outputs["s"]
        sparse.coo_sparse.values_tensor_name = "values:0"
        file.write_bytes(model.SerializeToString())
        (answer,) = run(load(copy), floats([1, 2])).values()
        assert answer.tolist() == [[4.0]]

    def test_a_signature_names_a_tensor_that_is_not_there(self, load: Load, copy: Path) -> None:
        file = copy / "saved_model.pb"
        model = saved_model_pb2.SavedModel.FromString(file.read_bytes())
        (output,) = model.meta_graphs[0].signature_def[DEFAULT_SIGNATURE].outputs.values()
        output.name = "nowhere:0"
        file.write_bytes(model.SerializeToString())
        error = self.refusal(load, copy)
        assert isinstance(error, DataLoss)
        assert "The graph has no tensor 'nowhere:0', which a signature names" in error.message

    def test_tags_that_are_not_there(self, models: dict[str, Path]) -> None:
        factory = platform(Settings(device="cpu", saved_model_tags="serve,gpu"))
        with pytest.raises(
            NotFound, match=r"^Could not find meta graph def matching supplied tags: \{ gpu serve \}\. "
        ):
            factory(ServableId("m", 1), models["half"] / "1").load()

    @pytest.mark.parametrize("name", ["bad_half_plus_two", "session_bundle_half_plus_two"])
    def test_exports_of_before_saved_models(self, load: Load, name: str) -> None:
        folder = next(child for child in upstream(name).iterdir() if child.is_dir())
        assert isinstance(self.refusal(load, folder), NotFound)


def test_the_estimate_is_that_of_tensorflow_serving(tmp_path: Path) -> None:
    (tmp_path / "variables").mkdir()
    (tmp_path / "variables" / "data").write_bytes(b"x" * 900)
    (tmp_path / "saved_model.pb").write_bytes(b"x" * 100)
    assert platform(Settings(device="cpu"))(ServableId("m", 1), tmp_path).resource_estimate() == 1200
