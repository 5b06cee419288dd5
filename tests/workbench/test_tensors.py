import numpy as np
import pandas as pd
import pytest

from workbench.errors import InvalidSetting
from workbench.metadata import Signature, TensorInfo
from workbench.tensors import fit, to_arrays, to_result

FLOAT = TensorInfo(np.dtype(np.float32), (-1, 3))
INT = TensorInfo(np.dtype(np.int32), (-1,))
UINT8 = TensorInfo(np.dtype(np.uint8), (-1,))


def signature(**inputs):
    return Signature("serving_default", inputs, {"y": FLOAT}, "tensorflow/serving/predict")


@pytest.mark.parametrize(
    ("value", "info", "dtype"),
    [
        ([[1.0, 2.0, 3.0]], FLOAT, "float32"),
        ([[1, 2, 3]], FLOAT, "float32"),
        (np.ones(3, np.float64), FLOAT, "float32"),
        ([1, 2], INT, "int32"),
        ([0, 255], UINT8, "uint8"),
        ([0, 256], UINT8, "int64"),
        ([2**40], INT, "int64"),
        ([1.5], INT, "float64"),
        ([True], INT, "bool"),
        (["a"], FLOAT, "<U1"),
        ([1, 2], TensorInfo(None, None), "int64"),
        ([1, 2], None, "int64"),
    ],
)
def test_numbers_become_the_declared_type_unless_an_integer_would_change(value, info, dtype):
    array = fit(value, info)
    assert array.dtype == np.dtype(dtype)
    np.testing.assert_array_equal(array, value)


def test_an_array_of_the_right_type_is_not_copied():
    array = np.ones((2, 3), np.float32)
    assert fit(array, FLOAT) is array


def test_a_lone_value_is_the_only_input():
    assert to_arrays([[1, 2, 3]], signature(x=FLOAT)).keys() == {"x"}


def test_a_lone_value_for_several_inputs_is_refused():
    with pytest.raises(InvalidSetting, match=r"has the inputs a, b; pass a mapping"):
        to_arrays([1], signature(a=INT, b=INT))


def test_unknown_names_are_passed_on_for_the_server_to_judge():
    assert to_arrays({"z": [1]}, signature(x=FLOAT)).keys() == {"z"}


def test_columns_named_like_the_inputs_are_the_inputs():
    frame = pd.DataFrame({"b": [1, 2], "a": [0.5, 1.5]})
    arrays = to_arrays(frame, signature(a=TensorInfo(np.dtype(np.float32), (-1, 1)), b=INT))
    np.testing.assert_array_equal(arrays["a"], np.array([[0.5], [1.5]], np.float32))
    np.testing.assert_array_equal(arrays["b"], np.array([1, 2], np.int32))


def test_other_columns_are_the_matrix_that_is_the_only_input():
    frame = pd.DataFrame({"p": [1.0, 2.0], "q": [3.0, 4.0], "r": [5.0, 6.0]})
    arrays = to_arrays(frame, signature(x=FLOAT))
    assert arrays["x"].dtype == np.float32
    np.testing.assert_array_equal(arrays["x"], [[1, 3, 5], [2, 4, 6]])


def test_a_frame_gets_a_frame_back_with_its_index():
    frame = pd.DataFrame({"x": [1.0, 2.0]}, index=["first", "second"])
    outputs = {"label": np.array([7, 8]), "p": np.array([[0.1], [0.2]]), "s": np.array([[1, 2], [3, 4]])}
    result = to_result(outputs, frame)
    assert list(result.columns) == ["label", "p", "s_0", "s_1"]
    assert result.loc["second"].tolist() == [8, 0.2, 3, 4]


def test_outputs_that_are_no_rows_come_back_as_arrays():
    frame = pd.DataFrame({"x": [1.0, 2.0]})
    array = np.zeros((2, 3, 4))
    assert to_result({"y": array}, frame) is array
    assert to_result({"y": np.float32(1.0)[()]}, [1.0]) == 1.0


def test_several_outputs_come_back_by_name():
    outputs = {"a": np.zeros(1), "b": np.ones(1)}
    assert to_result(outputs, [1.0]) == outputs
