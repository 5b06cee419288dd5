"""What a servable accepts and answers."""

from __future__ import annotations

import numpy as np
import pytest

from kernel_server.core.dtypes import DataType
from kernel_server.core.signature import Signature, TensorSpec

Shape = tuple[int, ...] | None


def signature(inputs: dict[str, Shape], outputs: dict[str, Shape]) -> Signature:
    def specs(shapes: dict[str, Shape]) -> dict[str, TensorSpec]:
        return {name: TensorSpec(f"{name}:0", DataType.FLOAT, shape) for name, shape in shapes.items()}

    return Signature("serving_default", specs(inputs), specs(outputs))


@pytest.mark.parametrize(
    ("inputs", "outputs", "obstacle"),
    [
        ({"x": (-1,)}, {"y": (-1, 3)}, None),
        ({"x": (-1, 784), "n": (-1,)}, {"y": (-1,)}, None),
        ({"x": None}, {"y": None}, None),
        ({}, {"y": (-1,)}, "it has no inputs"),
        ({"x": ()}, {"y": (-1,)}, "input 'x' is a scalar"),
        ({"x": (8, 2)}, {"y": (-1,)}, "the first dimension of input 'x' is fixed to 8"),
        ({"x": (-1,)}, {"y": ()}, "output 'y' is a scalar"),
        ({"x": (-1,)}, {"y": (1, 4)}, "the first dimension of output 'y' is fixed to 1"),
    ],
)
def test_obstacle_to_batching(
    inputs: dict[str, Shape], outputs: dict[str, Shape], obstacle: str | None
) -> None:
    assert signature(inputs, outputs).obstacle_to_batching == obstacle


def test_a_reference_type_is_its_base() -> None:
    spec = TensorSpec("x:0", 101, ())
    assert (spec.dtype, spec.wire_dtype) == (DataType.FLOAT, 101)


@pytest.mark.parametrize("kind", [kind for kind in DataType if kind is not DataType.INVALID])
def test_element_types_go_to_numpy_and_back(kind: DataType) -> None:
    assert DataType.of(kind.numpy) is kind


@pytest.mark.parametrize("dtype", ["S3", "U3", "O"])
def test_all_texts_are_strings(dtype: str) -> None:
    assert DataType.of(np.dtype(dtype)) is DataType.STRING


def test_numpy_types_without_a_counterpart() -> None:
    with pytest.raises(TypeError, match=r"datetime64\[D\] has no TensorFlow element type"):
        DataType.of(np.dtype("datetime64[D]"))
