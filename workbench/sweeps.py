"""One call from a served model to its throughput-versus-latency curve."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

from workbench.configuration import Batching
from workbench.errors import InvalidSetting
from workbench.examples import Check, is_batchable, prepare_requests
from workbench.load import LoadCancelled, LoadFailed, LoadSpec, Progress, RequestSet, judge, run_load
from workbench.points import Point
from workbench.progress import SweepProgress
from workbench.provenance import Provenance
from workbench.results import Curve
from workbench.server_split import split
from workbench.target import HasRecord, Target

_AUTOMATIC_SHARES = np.linspace(0.1, 1.2, 8)
_PROBE_CALLERS = 64
_PROBE_SECONDS = 2.0


def sweep(
    server: HasRecord | str,
    model: str | None = None,
    *,
    rates: Sequence[float] | None = None,
    concurrencies: Sequence[int] | None = None,
    batching: Batching = None,
    inputs: Any = None,
    rows: int = 1,
    signature: str = "",
    duration: float = 3.0,
    warmup: float = 0.5,
    slo_ms: float | None = None,
    arrivals: str = "poisson",
    seed: int = 0,
    label: str | None = None,
    progress: bool = True,
    check: Check = False,
    deadline: float = 5.0,
    max_in_flight: int = 4096,
    connections: int = 4,
    token: str | None = None,
    on_point: Callable[[Point], None] | None = None,
    on_progress: Callable[[Progress], None] | None = None,
    cancel: threading.Event | None = None,
) -> Curve:
    """Measure throughput and latency of a served model, one point per load, and return the curve.

    ``server`` is a :class:`~workbench.server.Server` or the gRPC address of any TensorFlow-Serving-compatible
    endpoint (``host:port``, ``unix:/path``, with its ``token``); ``model`` may be left out when there is one.

    - ``rates``: requests a second, sent on a schedule whatever the server does (open loop); latency counts
      from the scheduled time. ``concurrencies`` instead: so many callers, each waiting for its reply (closed
      loop). Neither: the capacity is probed, then eight rates from 10 % to 120 % of it are measured.
    - ``batching``: parameters for the time of the sweep, all or some; ``False`` for none. They are put back.
    - ``inputs``: examples along the first axis, as for :meth:`~workbench.client.Client.predict`; by default
      drawn at random from the signature. A request carries ``rows`` of them, or a single one, whole, when the
      signature has no batch dimension.
    - ``duration`` and ``warmup``: seconds per point; the warm-up is not counted.
    - ``slo_ms``: the latency that p99 should keep; goodput and verdicts refer to it.
    - ``arrivals``: a name in :data:`workbench.load.arrivals.ARRIVALS`, drawn with ``seed``.
    - ``check``: compare every reply with the right answer to its own request. ``True`` asks the server
      beforehand, request by request; else outputs for the ``inputs``, by version number.
    - ``on_point``, ``on_progress``: called on this thread. ``cancel`` ends the sweep from another one.

    A cancelled or interrupted sweep returns the points finished so far; an interrupt before the first goes
    through. Raises :class:`~workbench.errors.InvalidSetting`, :class:`~workbench.errors.RequestFailed` when
    the server does not tell about its model, and :class:`~workbench.load.LoadFailed` when the generator
    cannot reach it. Requests that fail are counted in the points and never raise.
    """
    if rates is not None and concurrencies is not None:
        raise InvalidSetting("rates", rates, "give either rates or concurrencies: they make different curves")
    with Target(server, model, token) as target, target.batching_set_to(batching):
        described, version = target.signature(signature)
        rows = rows if is_batchable(described) else 0
        requests = prepare_requests(target, described, inputs, rows=rows, seed=seed, check=check)
        with _saved(requests) as path:
            spec = LoadSpec(
                target=target.address,
                token=target.token,
                requests=path,
                concurrency=_PROBE_CALLERS,
                arrivals=arrivals,
                seed=seed,
                duration=duration,
                warmup=warmup,
                deadline=deadline,
                max_in_flight=max_in_flight,
                connections=connections,
                slo_ms=slo_ms,
            )
            provenance = _provenance(target, spec, described.name, version, rows, len(requests.bodies))
            run = _Sweep(target, spec, _Listeners(progress, on_point, on_progress), cancel)
            points = run.points(rates, concurrencies)
    return Curve(
        label or _label(provenance),
        points,
        "closed" if concurrencies is not None else "open",
        slo_ms,
        provenance,
    )


class _Listeners:
    """Everybody who wants to see points and progress: the text line and the caller's functions."""

    def __init__(
        self,
        shown: bool,
        on_point: Callable[[Point], None] | None,
        on_progress: Callable[[Progress], None] | None,
    ) -> None:
        self.line = SweepProgress(shown=shown)
        self._on_point = on_point or (lambda point: None)
        self._on_progress = on_progress or (lambda progress: None)

    def point(self, point: Point) -> None:
        self.line.point(point)
        self._on_point(point)

    def progress(self, progress: Progress) -> None:
        self.line.glance(progress)
        self._on_progress(progress)


class _Sweep:
    """Runs one load after the other against one target."""

    def __init__(
        self, target: Target, spec: LoadSpec, listeners: _Listeners, cancel: threading.Event | None
    ) -> None:
        self._target = target
        self._spec = spec
        self._listeners = listeners
        self._cancel = cancel or threading.Event()

    def points(self, rates: Sequence[float] | None, concurrencies: Sequence[int] | None) -> tuple[Point, ...]:
        """The points of all loads, or of those finished when the sweep was called off."""
        finished: list[Point] = []
        try:
            specs = self._specs(rates, concurrencies)
            self._listeners.line.begin(len(specs))
            for spec in specs:
                finished.append(self._point(spec))
                self._listeners.point(finished[-1])
        except LoadCancelled:
            pass
        except KeyboardInterrupt:
            if not finished:
                raise
        finally:
            self._listeners.line.close()
        return tuple(finished)

    def _specs(self, rates: Sequence[float] | None, concurrencies: Sequence[int] | None) -> list[LoadSpec]:
        if concurrencies is not None:
            return [replace(self._spec, concurrency=callers) for callers in concurrencies]
        chosen = self._automatic_rates() if rates is None else rates
        return [replace(self._spec, concurrency=None, rate=rate) for rate in chosen]

    def _automatic_rates(self) -> list[float]:
        """From far below to beyond what callers in closed loop get out of the server."""
        probe = replace(self._spec, duration=min(_PROBE_SECONDS, self._spec.duration))
        result = run_load(probe, on_progress=self._listeners.progress, cancel=self._cancel)
        if not result.completed:
            raise LoadFailed(f"no probe request succeeded; {judge(result, None).reason}")
        capacity = result.completed / result.duration_s
        return sorted({float(f"{share * capacity:.2g}") for share in _AUTOMATIC_SHARES})

    def _point(self, spec: LoadSpec) -> Point:
        before = self._target.statistics()
        result = run_load(spec, on_progress=self._listeners.progress, cancel=self._cancel)
        after = self._target.statistics()
        state = self._target.batching()
        return Point.measured(
            result,
            judge(result, spec.slo_ms),
            rate=spec.rate,
            concurrency=spec.concurrency,
            slo_ms=spec.slo_ms,
            generation=None if state is None else state.generation,
            server=split(before, after, self._target.model),
        )


@contextmanager
def _saved(requests: RequestSet) -> Iterator[str]:
    """The requests in a file for the generator's process."""
    with TemporaryDirectory(prefix="workbench-load-") as folder:
        path = Path(folder) / "requests.npz"
        requests.save(path)
        yield str(path)


def _provenance(
    target: Target, spec: LoadSpec, signature: str, version: int, rows: int, distinct: int
) -> Provenance:
    info, state = target.info(), target.batching()
    return Provenance(
        model=target.model,
        signature=signature,
        model_version=version,
        server=None if info is None else f"kernel-server {info.version}",
        device=None if info is None else info.device,
        batching=_plain(asdict(state.parameters)) if state is not None and state.enabled else None,
        generation=None if state is None else state.generation,
        transport=target.transport,
        arrivals=spec.arrivals,
        seed=spec.seed,
        duration_s=spec.duration,
        warmup_s=spec.warmup,
        deadline_s=spec.deadline,
        max_in_flight=spec.max_in_flight,
        connections=spec.connections,
        rows_per_request=rows,
        distinct_requests=distinct,
    )


def _plain(values: Mapping[str, Any]) -> dict[str, Any]:
    """Lists for tuples, as JSON gives them back."""
    return {name: list(value) if isinstance(value, tuple) else value for name, value in values.items()}


def _label(provenance: Provenance) -> str:
    """What tells curves apart in a legend unless the user says otherwise."""
    if provenance.generation is None:
        return provenance.model
    if provenance.batching is None:
        return "no batching"
    wait = provenance.batching["batch_timeout_micros"] / 1000
    return f"batches up to {provenance.batching['max_batch_size']}, {wait:g} ms"
