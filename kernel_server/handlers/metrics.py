"""Everything that is measured, as families of metrics."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import asdict

import psutil

from kernel_server.batching.scheduler import BatchScheduler
from kernel_server.handlers.statistics import SignatureReading, StatisticsHandler
from kernel_server.monitoring.families import Family, Labels, Summary, counter, gauge, histogram, summary
from kernel_server.monitoring.loads import Loads
from kernel_server.monitoring.totals import Totals
from kernel_server.traffic.families import traffic_families
from kernel_server.traffic.traffic import Traffic

_DURATIONS = (
    ("total", "request", "Seconds from the receipt of a request to its answer; successes only."),
    ("queue", "queue", "Seconds that a request waited until its batch left; successes only."),
    ("compute", "compute", "Seconds that the model ran for the batch of a request; successes only."),
)
_EVERY = 3
"""Of the statistics' fine time limits every third is told: each is about twice the one before."""

Readings = list[tuple[Labels, SignatureReading]]


class MetricsHandler:
    """Reads the counters; event-loop thread only, but what it returns may go to any."""

    def __init__(
        self,
        statistics: StatisticsHandler,
        scheduler: BatchScheduler,
        totals: Totals,
        loads: Loads,
        traffic: Traffic,
    ) -> None:
        self._statistics = statistics
        self._scheduler = scheduler
        self._totals = totals
        self._loads = loads
        self._traffic = traffic
        self._process = psutil.Process()

    def read(self) -> list[Family]:
        """What TensorFlow Serving counts, then each signature of each loaded version, traffic, process."""
        readings = [(_labels(reading), reading) for reading in self._statistics.read()]
        of_signatures = list(_signature_families(readings))  # reading them brings the totals up to date
        of_server = self._totals.families(self._scheduler.pool_name)
        of_traffic = traffic_families(self._traffic)
        return [
            *of_server,
            *self._loads.families(),
            *of_signatures,
            *of_traffic,
            *self._process_families(),
        ]

    def first_values(self, names: Iterable[str]) -> list[int]:
        """The first value of each counter or gauge with such a name; 0 where there is none."""
        firsts = {
            family.name: int(value)
            for family in self.read()
            for _, value in family.values[:1]
            if isinstance(value, int | float)
        }
        return [firsts.get(name, 0) for name in names]

    def _process_families(self) -> Iterator[Family]:
        with self._process.oneshot():
            memory, times = self._process.memory_info().rss, self._process.cpu_times()
            started = self._process.create_time()
        yield gauge("process_resident_memory_bytes", "Main memory that the process holds.", [({}, memory)])
        yield counter(
            "process_cpu_seconds_total",
            "CPU time that the process has used.",
            [({}, times.user + times.system)],
        )
        yield gauge("process_start_time_seconds", "When the process started, since 1970.", [({}, started)])


def _labels(reading: SignatureReading) -> Labels:
    return {
        "model": reading.servable.name,
        "version": str(reading.servable.version),
        "signature": reading.signature,
    }


def _signature_families(readings: Readings) -> Iterator[Family]:
    yield counter(
        "kernel_server_requests_total",
        "Requests by outcome; the shed ones found the queue full or ran out of time in it.",
        (
            ({**labels, "outcome": outcome}, count)
            for labels, reading in readings
            for outcome, count in asdict(reading.counters.outcomes).items()
        ),
    )
    for stage, name, meaning in _DURATIONS:
        yield histogram(
            f"kernel_server_{name}_duration_seconds",
            meaning,
            ((labels, reading.counters.stage_micros[stage]) for labels, reading in readings),
            scale=1e-6,
            every=_EVERY,
        )
    yield from _batch_families(readings)
    yield from _present_families(readings)


def _batch_families(readings: Readings) -> Iterator[Family]:
    yield histogram(
        "kernel_server_batch_rows",
        "Rows of a batch, without padding.",
        ((labels, reading.counters.batch_size) for labels, reading in readings),
    )
    yield summary(
        "kernel_server_batch_fill_ratio",
        "Rows of a batch as a share of the largest batch allowed.",
        ((labels, Summary(reading.counters.batches, reading.counters.fill)) for labels, reading in readings),
    )
    yield counter(
        "kernel_server_batches_total",
        "Batches by why they left: full, timeout, idle (nothing more was coming) or drain.",
        (
            ({**labels, "reason": reason}, count)
            for labels, reading in readings
            for reason, count in reading.counters.close_reasons.items()
        ),
    )


def _present_families(readings: Readings) -> Iterator[Family]:
    yield gauge(
        "kernel_server_requests_in_flight",
        "Requests taken and not answered.",
        ((labels, reading.in_flight_requests) for labels, reading in readings),
    )
    yield gauge(
        "kernel_server_requests_queued",
        "Requests that wait for a batch to leave.",
        ((labels, reading.queued_requests) for labels, reading in readings),
    )
    yield gauge(
        "kernel_server_batches_queued",
        "Batches that wait for a thread, open ones included.",
        ((labels, reading.enqueued_batches) for labels, reading in readings),
    )
    yield gauge(
        "kernel_server_batching_generation",
        "How often the batching parameters in force were replaced, counted from 1.",
        ((labels, reading.generation) for labels, reading in readings),
    )
