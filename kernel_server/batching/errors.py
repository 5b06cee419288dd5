"""Why batching refuses a request, worded as TensorFlow Serving words it."""

from __future__ import annotations

from collections.abc import Sequence

from kernel_server.errors import FailedPrecondition, InvalidArgument, ResourceExhausted, Unavailable


class TaskTooLarge(InvalidArgument):
    """A request has more rows than a batch may have."""

    def __init__(self, size: int, limit: int) -> None:
        super().__init__(f"Task size {size} is larger than maximum input batch size {limit}")


class QueueFull(Unavailable):
    """Every batch that may wait is waiting already."""

    def __init__(self, enqueued: int, limit: int) -> None:
        super().__init__(
            "The batch scheduling queue to which this task was submitted is full; currently "
            f"{enqueued} batches enqueued and max_enqueued_batches is {limit}"
        )


class QueueLacksRoom(Unavailable):
    """With splitting, the parts of a request need more batches than may still wait."""

    def __init__(
        self, size: int, capacity: int, enqueued: int, limit: int, open_rows: int, batch_limit: int
    ) -> None:
        super().__init__(
            "The batch scheduling queue to which this task was submitted is full; task size is "
            f"{size} but scheduling capacity is only {capacity} (num_enqueued_batches={enqueued}, "
            f"max_enqueued_batches={limit}, open_batch_size={open_rows}, "
            f"max_execution_batch_size={batch_limit})"
        )


class ExpiredInQueue(ResourceExhausted):
    """The request's time was over before a thread took it."""

    def __init__(self) -> None:
        super().__init__("Run() timeout exceeded while waiting in batching queue")


class NotBatchable(InvalidArgument):
    """The arrays of a request do not agree on a number of rows."""


class UnpaddableRank(InvalidArgument):
    """Variable-length padding handles ranks 1 to 6 only."""

    def __init__(self, rank: int) -> None:
        super().__init__(f"Only tensors with rank from 1 to 6 can be padded. Was: {rank}")


class OutputNotBatched(FailedPrecondition):
    """The model's answer cannot be handed out row by row."""

    def __init__(self, shape: Sequence[int], rows: int) -> None:
        text = (
            "Batched output tensor's 0th dimension does not equal the sum of the 0th dimension sizes "
            f"of the input tensors: {list(shape)} for {rows} rows"
            if shape
            else "Batched output tensor has 0 dimensions"
        )
        super().__init__(f"{text}. Serve this signature without batching.")
