"""The traffic of every model: what was asked for, and what of it the loaded versions can do."""

from __future__ import annotations

import logging
from collections import Counter, defaultdict
from collections.abc import Callable, Mapping, Sequence

from kernel_server.core.manager import Manager
from kernel_server.core.servable import ServableId
from kernel_server.traffic.arms import (
    Arm,
    InvalidSplit,
    Target,
    TargetUnavailable,
    check_arms,
    described,
)
from kernel_server.traffic.comparison import Comparison
from kernel_server.traffic.split import Split

_log = logging.getLogger(__name__)


class ModelTraffic:
    """What is in force for one model; ``generation`` counts its replacements.

    ``versions`` maps the targets that can answer now to their versions; the shares of the others go to them.
    """

    def __init__(self, model: str) -> None:
        self.model = model
        self.arms: tuple[Arm, ...] = ()
        self.shadow: Target | None = None
        self.comparison = Comparison()
        self.generation = 1
        self.requests: Counter[int] = Counter()
        self.versions: Mapping[Target, int] = {}
        self.split: Split | None = None
        self._missing: set[Target] = set()

    @property
    def targets(self) -> tuple[Target, ...]:
        """Everything that is to get requests or copies of them."""
        shadow = () if self.shadow is None else (self.shadow,)
        return (*(arm.target for arm in self.arms), *shadow)

    @property
    def shares(self) -> dict[int, float]:
        """What share of the requests each version gets now; empty when the highest one gets all."""
        weights = self._weights()
        total = sum(weights.values())
        return {version: weight / total for version, weight in weights.items()}

    @property
    def shadow_version(self) -> int | None:
        """The version that gets copies now."""
        return None if self.shadow is None else self.versions.get(self.shadow)

    def settle(self, versions: Mapping[Target, int]) -> None:
        """Take up which targets can answer; a change for the worse is logged once."""
        missing = set(self.targets) - versions.keys()
        for target in missing - self._missing:
            _log.warning(
                "%s of %s is not available: its traffic goes to others", described(target), self.model
            )
        for target in self._missing.intersection(versions):
            _log.info("%s of %s takes its traffic again", described(target), self.model)
        self.versions, self._missing = versions, missing
        weights = self._weights()
        self.split = Split(self.model, weights, self.requests) if weights else None

    def _weights(self) -> dict[int, float]:
        """By version; two labels may have come to mean the same one."""
        weights: defaultdict[int, float] = defaultdict(float)
        for arm in self.arms:
            if arm.weight and arm.target in self.versions:
                weights[self.versions[arm.target]] += arm.weight
        return weights


class Traffic:
    """Routes requests that name no version. Event-loop thread only, but for :meth:`unsettle`.

    Splits outlast every reload of the configuration. ``models`` has those that ever had one, or a shadow;
    ``labels`` tells the labels of a model.
    """

    def __init__(self, manager: Manager, labels: Callable[[str], Mapping[str, int]]) -> None:
        self.models: dict[str, ModelTraffic] = {}
        self._manager = manager
        self._labels = labels
        self._settled: object = None

    def route(self, model: str, key: bytes | None) -> int | None:
        """The version for a request; ``None`` stands for the highest available one."""
        found = self.of(model)
        return None if found is None or found.split is None else found.split.choose(key)

    def route_together(self, model: str, count: int) -> Mapping[int, Sequence[int]]:
        """By version the places of those of ``count`` requests without a key that go to it.

        Empty stands for the highest available version. What is asked by itself after all, and so is routed
        anew, must be given back to :meth:`take_back` before.
        """
        found = self.of(model)
        places: defaultdict[int, list[int]] = defaultdict(list)
        if found is not None and found.split is not None:
            for place in range(count):
                places[found.split.choose(None)].append(place)
        return places

    def take_back(self, servable: ServableId, count: int) -> None:
        """A version has not answered so many of the requests of :meth:`route_together`."""
        found = self.of(servable.name)
        if found is not None and found.split is not None:
            found.split.take_back(servable.version, count)

    def main_version(self, model: str) -> int | None:
        """The version with the largest share; ``None`` stands for the highest available one."""
        found = self.of(model)
        shares = found.shares if found is not None else {}
        return max(shares, key=lambda version: shares[version], default=None)

    def of(self, model: str) -> ModelTraffic | None:
        """What is in force for a model, in line with the versions that are available at this moment."""
        # Nobody tells when a version comes or goes: this is asked for every request, and costs less.
        if self._manager.snapshot is not self._settled:
            self._settled = self._manager.snapshot
            for found in self.models.values():
                found.settle(self._available(found.model, found.targets))
        return self.models.get(model)

    def unsettle(self) -> None:
        """Labels have moved; may be called from any thread."""
        self._settled = None

    def replace_split(self, model: str, arms: Sequence[Arm]) -> None:
        """Divide requests among ``arms`` from the next one on; without any, the highest version gets all.

        Raises ``InvalidSplit`` or ``TargetUnavailable`` before anything has changed.
        """
        check_arms(arms)
        versions = self._require(model, [arm.target for arm in arms])
        if len(set(versions)) < len(versions):
            raise InvalidSplit(f"Two arms of the split mean the same version of {model}")
        self._changed(model).arms = tuple(arms)

    def replace_shadow(self, model: str, target: Target | None) -> None:
        """Have ``target`` answer copies of requests, or nobody; a new comparison begins.

        Raises ``TargetUnavailable`` before anything has changed.
        """
        self._require(model, [] if target is None else [target])
        found = self._changed(model)
        found.shadow, found.comparison = target, Comparison()

    def forget(self, servable: ServableId) -> None:
        """Drop what was counted for a version that has been unloaded."""
        if servable.name in self.models:
            self.models[servable.name].requests.pop(servable.version, None)

    def _changed(self, model: str) -> ModelTraffic:
        found = self.models.setdefault(model, ModelTraffic(model))
        found.generation += 1
        self.unsettle()
        return found

    def _require(self, model: str, targets: Sequence[Target]) -> list[int]:
        versions = self._available(model, targets)
        for target in targets:
            if target not in versions:
                raise TargetUnavailable(model, target, self._manager.available(model))
        return [versions[target] for target in targets]

    def _available(self, model: str, targets: Sequence[Target]) -> dict[Target, int]:
        """The versions of those ``targets`` that answer requests."""
        labels, available = self._labels(model), self._manager.available(model)
        versions = {t: labels.get(t) if isinstance(t, str) else t for t in targets}
        return {t: version for t, version in versions.items() if version in available and version is not None}
