"""Batching parameters keep TensorFlow Serving's defaults and rules."""

import pytest

from kernel_server.batching.parameters import BatchingParameters, usable_cpus
from kernel_server.errors import InvalidArgument


def test_defaults_are_those_of_tensorflow_serving() -> None:
    parameters = BatchingParameters()
    assert (parameters.max_batch_size, parameters.batch_timeout_micros) == (1000, 0)
    assert (parameters.max_enqueued_batches, parameters.num_batch_threads) == (10, usable_cpus())
    assert parameters.batch_limit == 1000


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"num_batch_threads": 0}, "num_batch_threads must be positive; was 0"),
        ({"batch_timeout_micros": -1}, "batch_timeout_micros must be non-negative; was -1"),
        ({"max_enqueued_batches": 0}, "max_enqueued_batches must be positive; was 0"),
        ({"max_batch_size": 0}, "input_batch_size_limit must be positive; was 0"),
        (
            {"max_batch_size": 8, "allowed_batch_sizes": (2, 4)},
            "Last entry in allowed_batch_sizes must match max_batch_size; last entry was 4; expected 8",
        ),
        ({"max_batch_size": 8, "allowed_batch_sizes": (4, 2, 8)}, "must be positive and ascending"),
        ({"max_batch_size": 8, "max_execution_batch_size": 9}, "must not exceed max_batch_size 8; was 9"),
    ],
)
def test_broken_rules_are_named(fields: dict[str, object], message: str) -> None:
    with pytest.raises(InvalidArgument, match=message):
        BatchingParameters(**fields)  # type: ignore[arg-type]


def test_splitting_limits_what_is_executed() -> None:
    parameters = BatchingParameters(
        max_batch_size=64,
        max_execution_batch_size=16,
        enable_large_batch_splitting=True,
        allowed_batch_sizes=(8, 16),
    )
    assert parameters.batch_limit == 16
