"""What every kind of inference shares: a borrowed model and a prepared way into its queue."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Hashable, Iterable
from typing import Generic, Protocol, TypeVar

from kernel_server.batching.queue import BatchQueue
from kernel_server.batching.scheduler import BatchScheduler
from kernel_server.core.handle import ServableHandle
from kernel_server.core.servable import Servable, ServableId
from kernel_server.handlers.model_spec import ModelSpec
from kernel_server.handlers.models import Models
from kernel_server.request_logging.request_logs import RequestLogs
from kernel_server.traffic.mirror import Mirror


class Plan(Protocol):
    """What is the same for every request of one kind."""

    @property
    def queues(self) -> Iterable[BatchQueue]:
        """The queues that its requests wait in."""


K = TypeVar("K", bound=Hashable)
P = TypeVar("P", bound=Plan)


class PlannedHandler(ABC, Generic[K, P]):
    """Opens models, and keeps one plan for every kind of request that a version has had.

    ``K`` tells kinds of request to one version apart. A plan stays for as long as its version, and clients
    choose the kinds, so :meth:`_make_plan` has to see to it that there are not too many. The ``mirror`` is
    offered what was answered. Event-loop thread only.
    """

    def __init__(
        self,
        models: Models,
        scheduler: BatchScheduler,
        mirror: Mirror,
        *,
        check_method_name: bool = False,
        request_logs: RequestLogs | None = None,
    ) -> None:
        self._models = models
        self._mirror = mirror
        self._scheduler = scheduler
        self._check_method_name = check_method_name
        self._request_logs = request_logs or RequestLogs()
        self._plans: dict[Servable, dict[K, P]] = {}
        self._servables: dict[ServableId, Servable] = {}

    @property
    def idle(self) -> bool:
        """Whether no request waits for a batch or runs in one."""
        return self._scheduler.idle

    def open(self, spec: ModelSpec, key: bytes | None = None) -> ServableHandle:
        """Borrow the version that answers ``spec``; see :meth:`Models.open`."""
        return self._models.open(spec, key)

    def forget(self, servable_id: ServableId) -> None:
        """Drop the queues of a version that has been unloaded."""
        servable = self._servables.pop(servable_id, None)
        if servable is not None:
            for plan in self._plans.pop(servable).values():
                for queue in plan.queues:
                    self._scheduler.remove_queue(queue)

    def _plan(self, handle: ServableHandle, kind: K) -> P:
        plans = self._plans.get(handle.servable)
        if plans is None:
            plans = self._plans[handle.servable] = {}
            self._servables[handle.id] = handle.servable
        plan = plans.get(kind)
        if plan is None:
            plan = plans[kind] = self._make_plan(handle, kind)
        return plan

    @abstractmethod
    def _make_plan(self, handle: ServableHandle, kind: K) -> P:
        """The plan of a kind that is new; raises when the version cannot, or will not, answer it."""
