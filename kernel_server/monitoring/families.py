"""Metrics at one moment: families of labelled values, ready to be written down."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Literal

from kernel_server.monitoring.histogram import Histogram

Labels = Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Buckets:
    """A histogram's values so far: how many were at most each limit, how many there were, and their sum."""

    at_most: tuple[tuple[float, int], ...]
    count: int
    sum: float


@dataclass(frozen=True, slots=True)
class Summary:
    """How many values there were, and their sum: enough for the mean over any time."""

    count: int
    sum: float


Value = float | Buckets | Summary


@dataclass(frozen=True, slots=True)
class Family:
    """Values of one meaning, told apart by their labels.

    ``name`` is a path such as ``/tensorflow/serving/request_count`` for what TensorFlow Serving counts too,
    and otherwise a name after the conventions of Prometheus.
    """

    name: str
    kind: Literal["counter", "gauge", "histogram", "summary"]
    help: str
    values: tuple[tuple[Labels, Value], ...]


def counter(name: str, help: str, values: Iterable[tuple[Labels, float]]) -> Family:
    """Values that only grow."""
    return Family(name, "counter", help, tuple(values))


def gauge(name: str, help: str, values: Iterable[tuple[Labels, float]]) -> Family:
    """Values that come and go."""
    return Family(name, "gauge", help, tuple(values))


def summary(name: str, help: str, values: Iterable[tuple[Labels, Summary]]) -> Family:
    """Values of which the mean is of interest."""
    return Family(name, "summary", help, tuple(values))


def histogram(
    name: str,
    help: str,
    values: Iterable[tuple[Labels, Histogram]],
    *,
    scale: float = 1.0,
    every: int = 1,
) -> Family:
    """Distributions. ``scale`` converts their unit; only each ``every``-th limit is told."""
    return Family(
        name, "histogram", help, tuple((labels, _buckets(found, scale, every)) for labels, found in values)
    )


def _buckets(found: Histogram, scale: float, every: int) -> Buckets:
    cumulative = found.counts.cumsum().tolist()
    limits = (found.limits * scale).tolist()
    told = tuple(zip(limits[::every], cumulative[:-1:every], strict=True))
    return Buckets(told, cumulative[-1], found.sum * scale)
