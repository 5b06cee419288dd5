"""The models of a running server: their versions, their batching, who answers requests, what it took."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Unpack

from workbench.batching import BatchingControl, BatchingFields, BatchingState
from workbench.control import GET_STATISTICS, WATCH_STATISTICS, Control
from workbench.rollout import Rollout
from workbench.statistics import Statistics, read_statistics
from workbench.traffic import Target, TrafficControl, TrafficState
from workbench.versions import VersionList
from workbench.wire import control_pb2


class ServedModels:
    """What can be seen of the models of a server, and changed while requests flow.

    Wherever ``model`` is left out it means the only model there is. Calls raise
    :class:`~workbench.errors.RequestFailed` when the server refuses them or does not answer.
    """

    def __init__(self, control: Control) -> None:
        self._connect(control)

    def _connect(self, control: Control) -> None:
        self._control = control
        self._rollout = Rollout(control)
        self._batching = BatchingControl(control)
        self._traffic = TrafficControl(control)

    @property
    def models(self) -> tuple[str, ...]:
        """The names of the models it is configured for."""
        return tuple(self._rollout.models())

    def versions(self, model: str | None = None) -> VersionList:
        """Every version on disk or known to the server, highest first."""
        return self._rollout.versions(self._rollout.choose(model))

    def make_live(self, version: int, model: str | None = None, timeout: float = 60.0) -> VersionList:
        """Serve ``version`` and no other; returns when the swap is over, during which no request fails.

        A split of the traffic ends with it, and versions exported later are not taken up by themselves from
        then on. Raises :class:`~workbench.errors.VersionNotFound`, :class:`~workbench.errors.VersionFailed`
        with the server's error (what was live still is) or :class:`~workbench.errors.VersionTimedOut`.
        """
        return self._end_split(model, lambda chosen: self._rollout.make_live(chosen, version, timeout))

    def load(self, *versions: int, model: str | None = None, timeout: float = 60.0) -> VersionList:
        """Serve ``versions`` beside those available now. Raises what :meth:`make_live` does."""
        return self._rollout.load(self._rollout.choose(model), versions, timeout)

    def unload(self, version: int, model: str | None = None, timeout: float = 60.0) -> VersionList:
        """Serve ``version`` no longer; its requests in flight are answered first."""
        return self._rollout.unload(self._rollout.choose(model), version, timeout)

    def roll_back(self, model: str | None = None, timeout: float = 60.0) -> VersionList:
        """Make the next lower version on disk live that did not fail to load.

        Raises :class:`~workbench.errors.NothingToUndo` when there is none, and what :meth:`make_live` does.
        """
        return self._end_split(model, lambda chosen: self._rollout.roll_back(chosen, timeout))

    def batching(self, model: str | None = None) -> BatchingState:
        """The batching parameters in force."""
        return self._batching.read(self._rollout.choose(model))

    def set_batching(
        self, model: str | None = None, *, enabled: bool = True, **changes: Unpack[BatchingFields]
    ) -> BatchingState:
        """Change some batching parameters, or switch batching off or on, while requests flow.

        It acts between two batches: nothing is reloaded, no request is lost.
        """
        return self._batching.replace(self._rollout.choose(model), enabled=enabled, **changes)

    def undo_batching(self, model: str | None = None) -> BatchingState:
        """Return to the parameters before the last :meth:`set_batching` of this object.

        Raises :class:`~workbench.errors.NothingToUndo` when there was none.
        """
        return self._batching.undo(self._rollout.choose(model))

    def traffic(self, model: str | None = None) -> TrafficState:
        """Which versions answer requests that name none, and how the shadow compares."""
        return self._traffic.read(self._rollout.choose(model))

    def set_traffic(self, weights: Mapping[Target, float] | None, model: str | None = None) -> TrafficState:
        """Divide requests that name no version among versions or labels: ``{1: 90, 2: 10}``.

        It acts from the next request on and outlasts reloads; ``None``, :meth:`make_live` and
        :meth:`roll_back` end it. Requests with the same ``traffic_key``, which other clients send as
        ``x-traffic-key`` in gRPC metadata or an HTTP header, get the same version. One that is unloaded later
        leaves its share to the others. Raises :class:`~workbench.errors.RequestFailed` for one that is not
        loaded.
        """
        return self._traffic.replace_split(self._rollout.choose(model), weights or {})

    def set_shadow(self, target: Target | None, model: str | None = None) -> TrafficState:
        """Have a version or label answer copies of what others have answered; ``None`` ends that.

        Its answers are compared and never returned: see ``traffic().comparison``, which begins anew. No
        request waits for it. As long as requests come, it rests after each copy, nine times as long as that
        took, a second at most; up to 1024 copies wait, and further ones are dropped and counted.
        """
        return self._traffic.replace_shadow(self._rollout.choose(model), target)

    def statistics(self, model: str | None = None) -> Statistics:
        """One reading of the counters of ``model``, or of every model."""
        request = control_pb2.GetStatisticsRequest(model=model or "")
        return read_statistics(self._control.call(GET_STATISTICS, request))

    def watch_statistics(self, model: str | None = None, period: float = 1.0) -> Iterator[Statistics]:
        """Such a reading every ``period`` seconds, until the iterator is closed."""
        request = control_pb2.WatchStatisticsRequest(model=model or "", period_ms=round(period * 1000))
        for message in self._control.watch(WATCH_STATISTICS, request):
            yield read_statistics(message)

    def _end_split(self, model: str | None, swap: Callable[[str], VersionList]) -> VersionList:
        """Swap versions, then forget how the traffic was divided among those before."""
        chosen = self._rollout.choose(model)
        versions = swap(chosen)
        if self._traffic.read(chosen).arms:
            self._traffic.replace_split(chosen, {})
        return versions
