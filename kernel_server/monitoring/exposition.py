"""Writes metrics in the text format of Prometheus, with TensorFlow Serving's names or with conventional ones.

Source: ``PrometheusExporter`` in ``tensorflow_serving/util/prometheus_exporter.cc``, and Prometheus's
"Exposition formats".
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from enum import Enum

from kernel_server.monitoring.families import Buckets, Family, Summary, Value


class Spelling(Enum):
    """How names are written, and the media type that says so."""

    TENSORFLOW_SERVING = "text/plain"
    """Paths with a colon for each slash and without help texts: what its dashboards query."""

    CONVENTIONAL = "text/plain; version=0.0.4; charset=utf-8"
    """Colons are left to recording rules, counters end in ``_total``, and every name has a help text."""


_NO_NAME = re.compile(r"[^a-zA-Z0-9_]")
_ESCAPES = str.maketrans({"\\": r"\\", '"': r"\"", "\n": r"\n"})


def write(families: Iterable[Family], spelling: Spelling) -> str:
    """The text of all ``families`` that have values."""
    return "".join(f"{line}\n" for family in families if family.values for line in _lines(family, spelling))


def _lines(family: Family, spelling: Spelling) -> Iterator[str]:
    if spelling is Spelling.TENSORFLOW_SERVING:
        name = _NO_NAME.sub(":", family.name)
    else:
        name = _conventional_name(family)
        yield f"# HELP {name} {family.help}"
    yield f"# TYPE {name} {family.kind}"
    for labels, value in family.values:
        written = ",".join(f'{key}="{text.translate(_ESCAPES)}"' for key, text in labels.items())
        yield from _samples(name, written, value)


def _conventional_name(family: Family) -> str:
    name = _NO_NAME.sub("_", family.name.lstrip("/"))
    return name if family.kind != "counter" or name.endswith("_total") else f"{name}_total"


def _samples(name: str, labels: str, value: Value) -> Iterator[str]:
    if isinstance(value, Buckets):
        start = f"{name}_bucket{{{labels}{',' if labels else ''}le="
        for limit, count in value.at_most:
            yield f'{start}"{limit:g}"}} {count}'
        yield f'{start}"+Inf"}} {value.count}'
    if isinstance(value, Buckets | Summary):
        yield f"{name}_sum{{{labels}}} {value.sum:.15g}"
        yield f"{name}_count{{{labels}}} {value.count}"
    else:
        yield f"{name}{{{labels}}} {value:.15g}"
