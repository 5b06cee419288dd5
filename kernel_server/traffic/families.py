"""The traffic of every model as families of metrics; versions, targets and outputs are few."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from kernel_server.monitoring.families import Family, Labels, Summary, counter, gauge, summary
from kernel_server.traffic.comparison import Comparison, Difference
from kernel_server.traffic.traffic import Traffic


@dataclass(frozen=True, slots=True)
class _Shadow:
    labels: Labels
    comparison: Comparison

    @property
    def outputs(self) -> list[tuple[Labels, Difference]]:
        found = self.comparison.outputs.items()
        return [({**self.labels, "output": name}, difference) for name, difference in found]


def traffic_families(traffic: Traffic) -> Iterator[Family]:
    """What splits gave to each version, and how shadows compare."""
    models = [found for name in list(traffic.models) if (found := traffic.of(name)) is not None]
    yield counter(
        "kernel_server_traffic_requests_total",
        "Requests without a version that a traffic split gave to this one.",
        (
            ({"model": found.model, "version": str(version)}, count)
            for found in models
            for version, count in found.requests.items()
        ),
    )
    yield gauge(
        "kernel_server_traffic_share",
        "Share of the requests without a version that this one gets, 0 to 1.",
        (
            ({"model": found.model, "version": str(version)}, share)
            for found in models
            for version, share in found.shares.items()
        ),
    )
    yield from _shadow_families(
        [
            _Shadow({"model": found.model, "shadow": str(found.shadow)}, found.comparison)
            for found in models
            if found.shadow is not None
        ]
    )


def _shadow_families(shadows: list[_Shadow]) -> Iterator[Family]:
    yield counter(
        "kernel_server_shadow_requests_total",
        "Copies of requests by what became of them: compared, failed in the shadow, or dropped before.",
        (
            ({**shadow.labels, "outcome": outcome}, getattr(shadow.comparison, outcome))
            for shadow in shadows
            for outcome in ("compared", "failed", "dropped")
        ),
    )
    yield summary(
        "kernel_server_shadow_duration_seconds",
        "Time that the shadow spent on a copy.",
        (
            (shadow.labels, Summary(shadow.comparison.compared, shadow.comparison.seconds))
            for shadow in shadows
        ),
    )
    outputs = [labelled for shadow in shadows for labelled in shadow.outputs]
    yield counter(
        "kernel_server_shadow_labels_total",
        "Labels of answers that were compared.",
        ((labels, difference.labels) for labels, difference in outputs),
    )
    yield counter(
        "kernel_server_shadow_disagreements_total",
        "Labels that the shadow answered otherwise.",
        ((labels, difference.disagreements) for labels, difference in outputs),
    )
    yield gauge(
        "kernel_server_shadow_max_abs_difference",
        "The furthest that a number was from the shadow's since the shadow was set.",
        ((labels, difference.max_abs_difference) for labels, difference in outputs),
    )
