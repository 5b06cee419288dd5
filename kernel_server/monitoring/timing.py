"""Where the time of one request goes."""

from __future__ import annotations

from dataclasses import dataclass
from time import perf_counter
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from kernel_server.batching.batch import Batch

STAGES = ("decode", "queue", "assemble", "compute", "encode", "total")
QUEUE, TOTAL = STAGES.index("queue"), STAGES.index("total")
UNTIL_COMPUTED = slice(QUEUE, STAGES.index("compute") + 1)


@dataclass(frozen=True, slots=True, eq=False)
class Entry:
    """How requests come in, in TensorFlow Serving's words: their call, and ``GRPC`` or ``REST``.

    One object stands for one way in: requests are told apart by its identity, which costs them nothing.
    """

    api: str
    entrypoint: str

    @property
    def method(self) -> str:
        """The call as gRPC names it, whatever the way: ``Predict`` for REST's ``predict``."""
        return self.api[:1].upper() + self.api[1:]


UNNAMED = Entry("", "")


class TimingRecord:
    """Moments of one request, each a reading of ``time.perf_counter()`` in seconds.

    A face makes one, naming itself, when the bytes of a request are at hand, and calls :meth:`replied` when
    the answer is bytes again; whoever asks for the arrays sets ``decoded`` when they are there. ``batch``
    carries the moments that the request shares with its batch, and the generation of the batching parameters
    that formed it.
    """

    __slots__ = ("batch", "decoded", "entry", "finished", "queued", "received", "sent")

    def __init__(self, entry: Entry = UNNAMED) -> None:
        self.entry = entry
        self.received = perf_counter()
        self.decoded = self.received
        self.queued = 0.0
        self.batch: Batch | None = None
        self.finished = 0.0
        self.sent = 0.0

    def replied(self, count: int = 1) -> None:
        """The answer is encoded: hand the record to the statistics of its queue, for ``count`` requests."""
        self.sent = perf_counter()
        if self.batch is not None:
            self.batch.queue.statistics.add(self, count)

    @property
    def generation(self) -> int:
        """The generation of the batching parameters under which the request ran."""
        return self.batch.generation if self.batch is not None else 0

    def stages(self) -> tuple[float, float, float, float, float, float]:
        """Seconds spent in each of :data:`STAGES`; requires a finished request."""
        batch = self.batch
        if batch is None:
            raise ValueError("the request has not been through a batch")
        return (
            self.decoded - self.received,
            batch.started - self.queued,
            batch.assembled - batch.started,
            batch.computed - batch.assembled,
            self.sent - self.finished,
            self.sent - self.received,
        )
