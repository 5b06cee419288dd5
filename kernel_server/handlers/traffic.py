"""Reading and replacing a model's split and shadow while requests flow."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from kernel_server.core.servable import ServableId
from kernel_server.core.state import StateMonitor
from kernel_server.handlers.generation import check_generation
from kernel_server.handlers.status import ModelNotFound
from kernel_server.traffic.arms import Arm, Target
from kernel_server.traffic.comparison import Comparison
from kernel_server.traffic.traffic import ModelTraffic, Traffic


@dataclass(frozen=True, slots=True)
class ArmState:
    """One arm of a split: ``version`` is ``None`` and its ``share`` 0 while it cannot answer.

    ``requests`` counts what any split gave to that version since it was loaded.
    """

    arm: Arm
    version: int | None
    share: float
    requests: int


@dataclass(frozen=True, slots=True)
class TrafficState:
    """What is in force for one model, and how often it was replaced before.

    Without ``arms`` the highest available version answers. ``comparison`` is there with a ``shadow``.
    """

    model: str
    generation: int
    arms: tuple[ArmState, ...] = ()
    shadow: Target | None = None
    comparison: Comparison | None = None


class TrafficHandler:
    """One model's traffic at a time; a replacement acts from the next request on."""

    def __init__(self, traffic: Traffic, monitor: StateMonitor) -> None:
        self._traffic = traffic
        self._monitor = monitor

    def get(self, model: str) -> TrafficState:
        """What is in force; raises ``ModelNotFound``."""
        if model not in self._monitor.names():
            raise ModelNotFound(model, None, self._monitor.names())
        found = self._traffic.of(model)
        return TrafficState(model, generation=1) if found is None else _state(found)

    def replace_split(
        self, model: str, arms: Sequence[Arm], expected_generation: int | None = None
    ) -> TrafficState:
        """Divide requests that name no version among ``arms``; without any, the highest version gets all.

        Raises the errors of ``traffic.arms``, ``GenerationChanged`` or ``ModelNotFound``.
        """
        self._check(model, expected_generation)
        self._traffic.replace_split(model, arms)
        return self.get(model)

    def replace_shadow(
        self, model: str, target: Target | None, expected_generation: int | None = None
    ) -> TrafficState:
        """Compare the answers of ``target``, or of nobody; raises what :meth:`replace_split` does."""
        self._check(model, expected_generation)
        self._traffic.replace_shadow(model, target)
        return self.get(model)

    def forget(self, servable_id: ServableId) -> None:
        """Drop what was counted for a version that has been unloaded."""
        self._traffic.forget(servable_id)

    def _check(self, model: str, expected_generation: int | None) -> None:
        check_generation("traffic shares", model, expected_generation, self.get(model).generation)


def _state(found: ModelTraffic) -> TrafficState:
    comparison = None if found.shadow is None else found.comparison
    arms = tuple(_arm(found, arm) for arm in found.arms)
    return TrafficState(found.model, found.generation, arms, found.shadow, comparison)


def _arm(found: ModelTraffic, arm: Arm) -> ArmState:
    version = found.versions.get(arm.target)
    if version is None:
        return ArmState(arm, None, 0.0, 0)
    return ArmState(arm, version, found.shares.get(version, 0.0), found.requests[version])
