"""TFLite models as servables, without a server around."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from flatbuffers import Builder, flexbuffers
from support.other_models import tflite_model
from support.running import load, run
from support.testdata import upstream
from tensorflow.core.framework import types_pb2
from tensorflow.core.protobuf import meta_graph_pb2

from kernel_server.core.dtypes import DataType
from kernel_server.core.signature import TensorSpec
from kernel_server.errors import DataLoss, Internal, InvalidArgument, NotFound
from kernel_server.servables import by_content
from kernel_server.settings import Settings

schema = pytest.importorskip("ai_edge_litert.schema_py_generated")

from kernel_server.servables.tflite import platform  # noqa: E402

FACTORY = platform(Settings(num_tflite_pools=2))

Rewrite = Callable[[Callable[[Any], None]], Path]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("tflite") / "1"
    tflite_model(folder)
    return folder


@pytest.fixture
def rewrite(folder: Path, tmp_path: Path) -> Rewrite:
    """Makes a version folder of the model, changed, without the signatures of the converter."""

    def rewrite(change: Callable[[Any], None]) -> Path:
        model = schema.ModelT.InitFromObj(schema.Model.GetRootAs((folder / "model.tflite").read_bytes()))
        model.signatureDefs, model.metadata = None, []
        change(model)
        builder = Builder(0)
        builder.Finish(model.Pack(builder), file_identifier=b"TFL3")
        (tmp_path / "model.tflite").write_bytes(builder.Output())
        return tmp_path

    return rewrite


def with_signature(**tensors: str) -> Callable[[Any], None]:
    """Adds the metadata that TensorFlow Serving reads, with one signature ``sum``."""

    def change(model: Any) -> None:
        definition = meta_graph_pb2.SignatureDef(method_name="tensorflow/serving/predict")
        for name, tensor in tensors.items():
            target = definition.outputs if name == "total" else definition.inputs
            target[name].CopyFrom(meta_graph_pb2.TensorInfo(name=tensor, dtype=types_pb2.DT_FLOAT))
            target[name].tensor_shape.unknown_rank = True
        builder = flexbuffers.Builder()
        with builder.Map():
            builder.Key("sum")
            builder.String(definition.SerializeToString().decode())
        buffer, entry = schema.BufferT(), schema.MetadataT()
        buffer.data, entry.name = builder.Finish(), "signature_defs_metadata"
        entry.buffer = len(model.buffers)
        model.buffers.append(buffer)
        model.metadata.append(entry)

    return change


def test_signatures_of_the_converter(folder: Path) -> None:
    model = load(FACTORY, folder)
    assert model.signatures.keys() == {"serving_default", "texts"}
    (spec,) = model.signatures["serving_default"].inputs.values()
    assert (spec.dtype, spec.shape) == (DataType.FLOAT, (-1, 2))
    assert run(model, [[1, 2], [3, 4], [5, 6]]) == [[3.0, 7.0, 11.0]]
    assert run(model, [b"a", b"b"], signature="texts") == [[b"a", b"b"]]
    assert run(model, [[1, 2]]) == [[3.0]]


@pytest.mark.parametrize("name", ["tflite", "tflite_with_sigdef"])
def test_models_of_tensorflow_serving(name: str) -> None:
    model = load(FACTORY, upstream(f"saved_model_half_plus_two_{name}/00000123"))
    assert list(model.signatures["serving_default"].inputs) == ["x"]
    assert run(model, [[2.0], [4.0]]) == [[[3.0], [4.0]]]


def test_several_interpreters_answer_at_once(folder: Path) -> None:
    model = load(FACTORY, folder)
    with ThreadPoolExecutor(4) as threads:
        answers = list(threads.map(lambda value: run(model, [[value, value]] * (value + 1)), range(32)))
    assert answers == [[[2.0 * value] * (value + 1)] for value in range(32)]


def test_signatures_in_the_metadata_of_tensorflow_serving(rewrite: Rewrite) -> None:
    folder = rewrite(with_signature(x="serving_default_x:0", total="PartitionedCall"))
    model = load(FACTORY, folder)
    assert model.signatures.keys() == {"sum"}
    assert model.signatures["sum"].inputs == {"x": TensorSpec("serving_default_x:0", DataType.FLOAT, None)}
    assert run(model, [[1, 2], [3, 4]], signature="sum") == [[3.0, 7.0]]


def test_a_tensor_that_is_not_there(rewrite: Rewrite) -> None:
    with pytest.raises(Internal, match=r"^Unknown tensor 'nowhere:0'\. It is named by signature sum\."):
        load(FACTORY, rewrite(with_signature(x="nowhere:0", total="PartitionedCall:0")))


def test_a_model_without_signatures(rewrite: Rewrite) -> None:
    model = load(FACTORY, rewrite(lambda model: None))
    default = model.signatures["serving_default"]
    assert list(default.inputs) == ["serving_default_x"]
    assert run(model, [[1, 2]]) == [[3.0]]
    with pytest.raises(InvalidArgument):
        model.runner("serving_default", list(default.outputs))([np.ones(3, np.float32)])


def test_files_that_are_none(tmp_path: Path) -> None:
    with pytest.raises(NotFound, match=r"model\.tflite"):
        load(FACTORY, tmp_path)
    (tmp_path / "model.tflite").write_text("something else")
    with pytest.raises(DataLoss, match="not a valid Flatbuffer buffer"):
        load(FACTORY, tmp_path)


def test_a_saved_model_beside_it(folder: Path, tmp_path: Path, models: dict[str, Path]) -> None:
    both = shutil.copytree(models["half"] / "1", tmp_path / "1")
    shutil.copy(folder / "model.tflite", both)
    for prefer, signatures in ((True, {"serving_default", "texts"}), (False, {"serving_default"})):
        factory = by_content.platform(Settings(device="cpu", prefer_tflite_model=prefer, num_tflite_pools=1))
        assert signatures <= load(factory, both).signatures.keys()
        assert ("texts" in load(factory, both).signatures) is prefer
