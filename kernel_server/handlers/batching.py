"""Reading and replacing a model's batching parameters while requests flow."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from kernel_server.batching.parameters import BatchingParameters
from kernel_server.batching.scheduler import BatchScheduler
from kernel_server.core.state import StateMonitor
from kernel_server.handlers.generation import check_generation
from kernel_server.handlers.status import ModelNotFound


@dataclass(frozen=True, slots=True)
class BatchingState:
    """The parameters in force for one model, and how often they were replaced before."""

    model: str
    enabled: bool
    parameters: BatchingParameters
    generation: int


class BatchingHandler:
    """One model's parameters at a time; a replacement acts from the next batch on."""

    def __init__(self, scheduler: BatchScheduler, monitor: StateMonitor) -> None:
        self._scheduler = scheduler
        self._monitor = monitor

    def get(self, model: str) -> BatchingState:
        """The parameters in force; raises ``ModelNotFound``."""
        if model not in self._monitor.names():
            raise ModelNotFound(model, None, self._monitor.names())
        found = self._scheduler.batchings.of_model(model)
        return BatchingState(model, found.enabled, found.parameters, found.generation)

    def replace(
        self, model: str, fields: Mapping[str, Any], enabled: bool, expected_generation: int | None
    ) -> BatchingState:
        """Replace the given fields, keep the others, and count a generation.

        Raises ``InvalidArgument`` when the result breaks a rule (nothing changes then),
        ``GenerationChanged`` or ``ModelNotFound``.
        """
        present = self.get(model)
        check_generation("batching parameters", model, expected_generation, present.generation)
        self._scheduler.replace(model, replace(present.parameters, **fields), enabled)
        return self.get(model)
