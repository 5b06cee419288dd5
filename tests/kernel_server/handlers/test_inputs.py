"""Checking a request's arrays against a signature."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from kernel_server.core.dtypes import DataType
from kernel_server.core.servable import Array
from kernel_server.core.signature import Signature, TensorSpec
from kernel_server.errors import Internal, InvalidArgument, ServingError
from kernel_server.handlers.inputs import (
    DuplicateOutput,
    InputCountMismatch,
    InputMissing,
    InputNotUsed,
    UnknownOutput,
    WrongInputType,
    arrange,
    check_filter,
    check_types,
    with_declared_shapes,
)

SIGNATURE = Signature(
    "serving_default",
    {"a": TensorSpec("a:0", DataType.FLOAT, (-1, 2)), "b": TensorSpec("b:0", DataType.STRING, None)},
    {"y": TensorSpec("y:0", DataType.FLOAT, (-1,)), "z": TensorSpec("z:0", DataType.FLOAT, (-1,))},
)
A: Array = np.ones((3, 2), np.float32)
B: Array = np.array([b"x"] * 3, object)


def test_arrays_come_in_the_order_of_the_signature() -> None:
    first, second = arrange(SIGNATURE, {"b": B, "a": A})
    assert (first is A, second is B) == (True, True)


def test_types_are_compared_by_value() -> None:
    little = A.astype(np.dtype("float32").newbyteorder("="))
    check_types(SIGNATURE, [little, B])


@pytest.mark.parametrize(
    ("inputs", "error"),
    [
        ({"a": A}, InputCountMismatch),
        ({"a": A, "b": B, "c": A}, InputCountMismatch),
        ({"a": A, "c": B}, InputMissing),
    ],
)
def test_what_contradicts_the_signature(inputs: dict[str, Array], error: type[ServingError]) -> None:
    with pytest.raises(error):
        arrange(SIGNATURE, inputs)


DEFAULTED = replace(SIGNATURE, defaults={"b": B})


def test_defaults_stand_in() -> None:
    first, second = arrange(DEFAULTED, {"a": A})
    assert (first is A, second is B) == (True, True)


@pytest.mark.parametrize(
    ("inputs", "error"),
    [
        ({"a": A, "b": B, "c": A}, InputCountMismatch),
        ({"b": B}, InputMissing),
        ({}, InputMissing),
        ({"a": A, "c": B}, InputNotUsed),
    ],
)
def test_what_no_default_mends(inputs: dict[str, Array], error: type[ServingError]) -> None:
    with pytest.raises(error):
        arrange(DEFAULTED, inputs)


@pytest.mark.parametrize("arrays", [[A.astype(np.float64), B], [A, A]])
def test_wrong_types(arrays: list[Array]) -> None:
    with pytest.raises(WrongInputType):
        check_types(SIGNATURE, arrays)


def test_a_wrong_type_names_the_input_and_the_remedy() -> None:
    with pytest.raises(WrongInputType) as caught:
        check_types(SIGNATURE, [A.astype(np.int32), B])
    assert caught.value.message == (
        "Expects arg[0] to be float but int32 is provided: convert input 'a' to float before sending it"
    )


def test_filters() -> None:
    check_filter(SIGNATURE, [])
    check_filter(SIGNATURE, ["z", "y"])
    with pytest.raises(UnknownOutput, match=r"alias not found in signature: w Outputs .* the set \{y,z\}"):
        check_filter(SIGNATURE, ["y", "w"])
    with pytest.raises(DuplicateOutput):
        check_filter(SIGNATURE, ["y", "z", "y"])


@pytest.mark.parametrize(
    ("shape", "told"),
    [
        ((3, 4), "input 'a' is declared float [-1, 2], the request sent [3, 4]"),
        ((2,), "input 'a' is declared float [-1, 2], the request sent [2]"),
        ((9, 2), ""),
    ],
)
def test_a_refusal_of_the_graph_tells_which_shape_was_wrong(shape: tuple[int, ...], told: str) -> None:
    error = InvalidArgument("MatMul failed")
    explained = with_declared_shapes(error, SIGNATURE, [np.ones(shape, np.float32), B])
    assert explained.message == (f"MatMul failed ({told})" if told else "MatMul failed")
    assert isinstance(explained, InvalidArgument)


def test_other_errors_stay_as_they_are() -> None:
    error = Internal("broken")
    assert with_declared_shapes(error, SIGNATURE, [np.ones(7, np.float32), B]) is error
