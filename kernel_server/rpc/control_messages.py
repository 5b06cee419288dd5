"""Readings of handlers and process as messages of the control service."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import fields
from typing import Any

from kernel_server.batching.parameters import BatchingParameters
from kernel_server.handlers.batching import BatchingState
from kernel_server.handlers.statistics import SignatureReading
from kernel_server.monitoring.histogram import Histogram
from kernel_server.process import ServerProcess
from kernel_server.rpc import control_pb2 as pb

_REPEATED = "allowed_batch_sizes"
_SINGLE = tuple(field.name for field in fields(BatchingParameters) if field.name != _REPEATED)


def batching(state: BatchingState) -> pb.Batching:
    """One model's parameters and generation."""
    values = {name: getattr(state.parameters, name) for name in (*_SINGLE, _REPEATED)}
    return pb.Batching(
        model=state.model,
        enabled=state.enabled,
        parameters=pb.BatchingParameters(**values),
        generation=state.generation,
    )


def replaced_fields(request: pb.ReplaceBatchingRequest) -> dict[str, Any]:
    """The fields that a request replaces, by name."""
    given = request.parameters
    values: dict[str, Any] = {name: getattr(given, name) for name in _SINGLE if given.HasField(name)}
    if not request.keep_allowed_batch_sizes:
        values[_REPEATED] = tuple(given.allowed_batch_sizes)
    return values


def statistics(readings: Iterable[SignatureReading], process: ServerProcess) -> pb.Statistics:
    """All readings, with the use of the machine."""
    return pb.Statistics(
        uptime_seconds=process.uptime_seconds,
        signatures=[_signature(reading) for reading in readings],
        resident_bytes=process.resident_bytes,
        cpu_seconds=process.cpu_seconds,
    )


def server_info(process: ServerProcess, draining: bool) -> pb.ServerInfo:
    """Who the process is and where it listens."""
    lifetime, addresses = process.lifetime, process.addresses
    owner = lifetime.owner
    return pb.ServerInfo(
        name=process.settings.name,
        pid=process.id.pid,
        start_time=process.id.start_time,
        version=process.version,
        device=process.device,
        owner=pb.Owner(pid=owner.pid, start_time=owner.start_time) if owner else None,
        owner_timeout_seconds=lifetime.owner_timeout,
        idle_timeout_seconds=lifetime.idle_timeout,
        grpc_address=addresses.grpc or "",
        grpc_socket=str(addresses.grpc_socket or ""),
        rest_address=addresses.rest or "",
        state="draining" if draining else "serving",
    )


def _signature(reading: SignatureReading) -> pb.SignatureStatistics:
    counters = reading.counters
    outcomes = counters.outcomes
    return pb.SignatureStatistics(
        model=reading.servable.name,
        version=reading.servable.version,
        signature=reading.signature,
        generation=reading.generation,
        succeeded=outcomes.succeeded,
        failed=outcomes.failed,
        shed=outcomes.shed,
        cancelled=outcomes.cancelled,
        queued_requests=reading.queued_requests,
        enqueued_batches=reading.enqueued_batches,
        in_flight_requests=reading.in_flight_requests,
        stage_micros={stage: _histogram(times) for stage, times in counters.stage_micros.items()},
        batch_size=_histogram(counters.batch_size),
        batches=counters.batches,
        rows=counters.rows,
        executed_rows=counters.executed_rows,
        fill_ratio=counters.fill_ratio,
        close_reasons=dict(counters.close_reasons),
    )


def _histogram(histogram: Histogram) -> pb.Histogram:
    return pb.Histogram(limits=histogram.limits.tolist(), counts=histogram.counts.tolist(), sum=histogram.sum)
