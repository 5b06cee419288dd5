"""Runs a signature on made-up values and takes the time."""

from __future__ import annotations

import statistics
import time
from collections.abc import Iterator, Sequence

import numpy as np

from kernel_server.core.dtypes import DataType
from kernel_server.core.servable import Array, Servable
from kernel_server.core.signature import Signature, TensorSpec
from kernel_server.inspect.report import Trial

FEWEST_RUNS = 3
SECONDS = 0.1
"""How long one batch size is tried, if it takes no more than this for the fewest runs."""


def trials(servable: Servable, signature: Signature, batch_sizes: Sequence[int]) -> Iterator[Trial]:
    """The median time of a run at each size; at none in particular where the signature fixes it.

    Free dimensions other than the first are 1. Raises what the model says about values made up for it.
    """
    run = servable.runner(signature.name, tuple(signature.outputs))
    sizes = list(batch_sizes) if signature.obstacle_to_batching is None else [None] * bool(batch_sizes)
    for rows in sizes:
        inputs = [_made_up(spec, rows or 1) for spec in signature.inputs.values()]
        run(inputs)  # the first run of a size prepares for it
        seconds: list[float] = []
        while len(seconds) < FEWEST_RUNS or sum(seconds) < SECONDS:
            begin = time.perf_counter()
            run(inputs)
            seconds.append(time.perf_counter() - begin)
        yield Trial(rows, 1000 * statistics.median(seconds))


def _made_up(spec: TensorSpec, rows: int) -> Array:
    """Numbers between 0 and 1 where they are not whole, else zeros; empty strings."""
    first, *others = spec.shape or (-1,)
    free = [rows if first < 0 else first, *(max(1, size) for size in others)]
    shape = () if spec.shape == () else free
    if spec.dtype is DataType.STRING:
        return np.full(shape, b"", object)
    values = np.random.default_rng(0).random(shape)
    return np.asarray(values).astype(spec.dtype.numpy)
