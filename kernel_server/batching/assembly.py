"""From the arrays of several requests to the arrays of one batch, and back."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Hashable, Sequence

import numpy as np

from kernel_server.batching.errors import NotBatchable, OutputNotBatched, UnpaddableRank
from kernel_server.core.servable import Array

LARGEST_PADDABLE_RANK = 6


def rows_of(arrays: Sequence[Array]) -> int:
    """The number of rows on which all inputs of a request agree.

    Raises :class:`NotBatchable`, in TensorFlow Serving's words, when there is none.
    """
    if not arrays:
        raise NotBatchable("Batching Run() must have at least one input tensor")
    rows = -1
    for array in arrays:
        if not array.shape:
            raise NotBatchable("Batching Run() input tensors must have at least one dimension")
        if rows not in (-1, array.shape[0]):
            raise NotBatchable(
                "Batching Run() input tensors must have equal 0th-dimension size: "
                f"found {rows} and {array.shape[0]}"
            )
        rows = array.shape[0]
    return rows


def shape_key(inputs: Sequence[Array], pad: bool) -> Hashable:
    """What the inputs of requests must have in common to share a batch."""
    if pad:
        return tuple(array.ndim for array in inputs)
    if len(inputs) == 1:
        return inputs[0].shape[1:]
    return tuple(array.shape[1:] for array in inputs)


def executed_rows(rows: int, allowed: Sequence[int]) -> int:
    """The size to which a batch of ``rows`` is padded: the next allowed one, or itself.

    A batch without rows has none to repeat, and stays as it is.
    """
    at = bisect_left(allowed, rows)
    return allowed[at] if rows and at < len(allowed) else rows


def concatenate(parts: Sequence[Array], rows: int, pad_lengths: bool) -> Array:
    """One input of a batch: ``parts`` one after the other, filled up to ``rows``.

    Filling repeats the first row of the last part, as TensorFlow Serving does, because values that
    the model has seen cannot make it fail. ``pad_lengths`` first brings the other dimensions of all
    parts to the largest among them.
    """
    if len(parts) == 1 and parts[0].shape[0] == rows:
        return parts[0]
    if pad_lengths:
        parts = _equal_lengths(parts)
    have = sum(part.shape[0] for part in parts)
    if have == rows:
        return np.concatenate(parts)
    last = next(part for part in reversed(parts) if part.shape[0])
    filler = np.broadcast_to(last[:1], (rows - have, *last.shape[1:]))
    return np.concatenate([*parts, filler])


def _equal_lengths(parts: Sequence[Array]) -> Sequence[Array]:
    shapes = {part.shape[1:] for part in parts}
    if len(shapes) == 1:
        return parts
    rank = parts[0].ndim
    if rank > LARGEST_PADDABLE_RANK:
        raise UnpaddableRank(rank)
    largest = tuple(max(sizes) for sizes in zip(*shapes, strict=True))
    return [_padded(part, largest) for part in parts]


def _padded(part: Array, lengths: tuple[int, ...]) -> Array:
    if part.shape[1:] == lengths or not part.size:
        return np.resize(part, (part.shape[0], *lengths)) if not part.size else part
    widths = [(0, 0), *((0, want - has) for want, has in zip(lengths, part.shape[1:], strict=True))]
    return np.pad(part, widths, constant_values=part.flat[0])


def check_outputs(outputs: Sequence[Array], rows: int) -> None:
    """Raise :class:`OutputNotBatched` unless every output has one row for each row of the batch."""
    for output in outputs:
        if not output.shape or output.shape[0] != rows:
            raise OutputNotBatched(output.shape, rows)
