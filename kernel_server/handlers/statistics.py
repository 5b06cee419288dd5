"""What each signature of each version has done so far."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import groupby

from kernel_server.batching.queue import BatchQueue
from kernel_server.batching.scheduler import BatchScheduler
from kernel_server.core.servable import ServableId
from kernel_server.monitoring.statistics import QueueStatistics


@dataclass(frozen=True, slots=True)
class SignatureReading:
    """Counters since the version was loaded, and gauges of this moment."""

    servable: ServableId
    signature: str
    generation: int
    counters: QueueStatistics
    queued_requests: int
    enqueued_batches: int
    in_flight_requests: int


class StatisticsHandler:
    """Reads the queues of the scheduler; event-loop thread only."""

    def __init__(self, scheduler: BatchScheduler) -> None:
        self._scheduler = scheduler

    def read(self, model: str = "") -> Iterator[SignatureReading]:
        """One reading per signature that has had requests, of one model or of all."""
        queues = [queue for batching in self._scheduler.batchings for queue in batching.queues]
        asked = (queue for queue in queues if model in ("", queue.servable.name))
        for _, same in groupby(sorted(asked, key=_key), _key):
            yield _reading(list(same))


def _key(queue: BatchQueue) -> tuple[ServableId, str]:
    return queue.servable, queue.signature


def _reading(queues: list[BatchQueue]) -> SignatureReading:
    """Queues of one signature, which differ by output filter, share their counters."""
    return SignatureReading(
        servable=queues[0].servable,
        signature=queues[0].signature,
        generation=queues[0].model.generation,
        counters=queues[0].statistics,
        queued_requests=sum(queue.queued for queue in queues),
        enqueued_batches=sum(queue.enqueued for queue in queues),
        in_flight_requests=sum(queue.in_flight for queue in queues),
    )
