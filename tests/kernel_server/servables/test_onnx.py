"""ONNX models as servables, without a server around."""

from __future__ import annotations

from pathlib import Path

import pytest
from support.other_models import onnx_model
from support.running import load, run

from kernel_server.core.dtypes import DataType
from kernel_server.core.signature import TensorSpec
from kernel_server.errors import DataLoss, FailedPrecondition, InvalidArgument, NotFound
from kernel_server.settings import Settings

pytest.importorskip("onnxruntime")
pytest.importorskip("onnx")

from kernel_server.servables.onnx import platform

FACTORY = platform(Settings(device="cpu", tensorflow_session_parallelism=1))


def test_a_model(tmp_path: Path) -> None:
    onnx_model(tmp_path / "1")
    model = load(FACTORY, tmp_path / "1")
    declared = model.signatures["serving_default"]
    assert declared.inputs == {
        "x": TensorSpec("x", DataType.FLOAT, (-1, 2)),
        "text": TensorSpec("text", DataType.STRING, (-1,)),
    }
    assert declared.outputs["y"] == TensorSpec("y", DataType.FLOAT, (-1, 1))
    assert run(model, [[1, 2]], ["ü".encode()]) == [[[3.0]], ["ü".encode()]]
    with pytest.raises(InvalidArgument, match="index: 1 Got: 3 Expected: 2"):
        run(model, [[1, 2, 3]], [b"a"])
    model.close()


def test_files_that_are_none(tmp_path: Path) -> None:
    file = tmp_path / "model.onnx"
    with pytest.raises(NotFound, match=str(file)):
        load(FACTORY, tmp_path)
    file.write_bytes(b"something else")
    with pytest.raises(DataLoss, match=f"Could not load {file}"):
        load(FACTORY, tmp_path)


def test_a_gpu_that_onnxruntime_cannot_use() -> None:
    import onnxruntime

    if "CUDAExecutionProvider" in onnxruntime.get_available_providers():
        pytest.skip("onnxruntime can use a GPU here")
    with pytest.raises(FailedPrecondition, match="install onnxruntime-gpu"):
        platform(Settings(device="gpu:0"))
