import numpy as np
import pytest

from kernel_server.core.dtypes import DataType
from kernel_server.rest.json_tensor import exact_array, quick_array

VALUES = [
    1,
    1.5,
    [],
    [1, 2],
    [1, 2.5],
    [[1, 2], [3, 4]],
    [[], []],
    [300, -1],
    [2**31 - 1],
    [2**63 - 1, -(2**63)],
    [1e39, float("nan")],
    [True, False],
    [[1e308]],
]
DOUBTFUL = [None, "1", [1, True], [1, None], ["1"], [{}], [[1], [2, 3]], [[1], 2], [[[]], []]]


@pytest.mark.parametrize(
    "dtype", [DataType.FLOAT, DataType.INT8, DataType.INT64, DataType.UINT32, DataType.BOOL]
)
@pytest.mark.parametrize("value", VALUES, ids=str)
def test_the_quick_way_agrees_with_the_exact_one(value: object, dtype: DataType) -> None:
    quick = quick_array(value, dtype)
    if quick is not None:
        exact = exact_array(value, dtype)
        assert quick.dtype == exact.dtype
        np.testing.assert_array_equal(quick, exact)


@pytest.mark.parametrize("dtype", [DataType.FLOAT, DataType.INT64, DataType.UINT64])
@pytest.mark.parametrize("value", DOUBTFUL, ids=str)
def test_the_quick_way_leaves_doubtful_values_alone(value: object, dtype: DataType) -> None:
    assert quick_array(value, dtype) is None


@pytest.mark.parametrize(
    ("value", "dtype"),
    [
        ([[1, 2.5]], DataType.FLOAT),
        ([1, 2], DataType.INT32),
        ([300], DataType.INT8),
        ([[True]], DataType.BOOL),
    ],
)
def test_the_quick_way_takes_what_is_clear(value: object, dtype: DataType) -> None:
    assert quick_array(value, dtype) is not None
