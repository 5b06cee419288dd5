"""How two answers to one request are compared."""

from __future__ import annotations

from typing import Any

import ml_dtypes
import numpy as np
import pytest

from kernel_server.traffic.comparison import Comparison, Difference, Incomparable, compare


def difference(ours: Any, theirs: Any) -> Difference:
    return compare({"y": np.asarray(ours)}, {"y": np.asarray(theirs), "more": np.zeros(1)})["y"]


@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.float16, ml_dtypes.bfloat16])
def test_numbers_of_a_row_have_the_place_of_the_largest_as_their_label(dtype: Any) -> None:
    ours = np.array([[0.75, 0.25], [0.5, 0.25], [0.0, 1.0]], dtype)
    theirs = np.array([[0.5, 0.25], [0.25, 0.5], [0.0, 1.0]], dtype)
    assert difference(ours, theirs) == Difference(3, 1, 0.25)


@pytest.mark.parametrize("shape", [(3,), (3, 1), ()])
def test_a_single_number_has_no_label(shape: tuple[int, ...]) -> None:
    assert difference(np.full(shape, 2.0), np.full(shape, -1.5)) == Difference(0, 0, 3.5)


def test_integers_and_truth_values_are_labels() -> None:
    assert difference([1, 2, 3], [1, 4, 0]) == Difference(3, 2, 3.0)
    assert difference([True, False], [True, True]) == Difference(2, 1, 1.0)


def test_large_integers_do_not_wrap_around() -> None:
    assert difference(np.array([0], np.uint8), np.array([255], np.uint8)).max_abs_difference == 255


def test_strings_are_equal_or_not() -> None:
    ours, theirs = np.array([[b"cat", b"dog"]], object), np.array([[b"cat", b"cow"]], object)
    assert difference(ours, theirs) == Difference(2, 1, 0.0)


def test_not_a_number_equals_itself_and_nothing_else() -> None:
    nan, inf = np.nan, np.inf
    assert difference([nan, inf, -inf], [nan, inf, -inf]).max_abs_difference == 0
    assert difference([nan], [1.0]).max_abs_difference == inf
    assert difference([inf], [-inf]).max_abs_difference == inf


def test_complex_numbers_lie_apart_by_their_distance() -> None:
    assert difference([3 + 4j], [0j]) == Difference(0, 0, 5.0)


def test_nothing_differs_in_an_empty_answer() -> None:
    assert difference(np.zeros((0, 3)), np.zeros((0, 3))) == Difference()


@pytest.mark.parametrize(
    ("theirs", "message"),
    [
        ({"z": np.zeros(2)}, "Output 'y' of the shadow is missing instead of float64 of shape (2,)"),
        ({"y": np.zeros(3)}, "Output 'y' of the shadow is float64 of shape (3,) instead of float64 of"),
        ({"y": np.array([b"a", b"b"], object)}, "Output 'y' of the shadow is strings of shape (2,) instead"),
    ],
)
def test_answers_of_another_form(theirs: Any, message: str) -> None:
    with pytest.raises(Incomparable) as caught:
        compare({"y": np.zeros(2)}, theirs)
    assert caught.value.message.startswith(message)


def test_differences_add_up() -> None:
    comparison = Comparison()
    comparison.add({"y": Difference(4, 1, 0.5)}, 0.25)
    comparison.add({"y": Difference(4, 2, 0.125)}, 0.5)
    comparison.fail("no")
    assert comparison == Comparison(2, 1, 0, 0.75, "no", {"y": Difference(8, 3, 0.5)})  # type: ignore[arg-type]
