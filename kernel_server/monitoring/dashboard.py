"""The server's metrics as a Grafana dashboard: ``kernel-server dashboard > dashboard.json``.

Its queries are for what a Prometheus scrapes from the server's ``/metrics``. Source of the format: Grafana's
"JSON model" of a dashboard.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

_DATASOURCE = {"type": "prometheus", "uid": "${datasource}"}
_WIDTH, _HEIGHT, _COLUMNS = 12, 8, 2
_SIGNATURE = "model, version, signature"


@dataclass(frozen=True, slots=True)
class Panel:
    """One chart: ``queries`` by the legends of their lines, in Grafana's ``unit``."""

    title: str
    unit: str
    queries: dict[str, str]


def dashboard() -> dict[str, Any]:
    """The dashboard, for Grafana to import; it asks for the data source and for the models to show."""
    return {
        "title": "kernel-server",
        "uid": "kernel-server",
        "schemaVersion": 39,
        "refresh": "10s",
        "time": {"from": "now-30m", "to": "now"},
        "templating": {"list": [_SOURCES, _MODELS]},
        "panels": [_panel(number, panel) for number, panel in enumerate(PANELS)],
    }


def main(arguments: Sequence[str] = ()) -> int:
    """Print the dashboard."""
    json.dump(dashboard(), sys.stdout, indent=2)
    print()
    return 0


def _rate(name: str, by: str, where: str = 'model=~"$model"') -> str:
    return f"sum by ({by}) (rate({name}{{{where}}}[$__rate_interval]))"


def _mean(name: str) -> str:
    return f"{_rate(f'{name}_sum', _SIGNATURE)} / {_rate(f'{name}_count', _SIGNATURE)}"


def _quantile(share: float, name: str) -> str:
    return f"histogram_quantile({share}, {_rate(f'{name}_bucket', f'{_SIGNATURE}, le')})"


def _present(name: str) -> str:
    return f'sum by ({_SIGNATURE}) ({name}{{model=~"$model"}})'


_LINE = "{{model}}/{{version}} {{signature}}"
PANELS = (
    Panel(
        "Requests by outcome",
        "reqps",
        {
            "{{model}}/{{version}} {{outcome}}": _rate(
                "kernel_server_requests_total", "model, version, outcome"
            )
        },
    ),
    Panel(
        "Requests by status",
        "reqps",
        {
            "{{model_name}} {{status}}": _rate(
                "tensorflow_serving_request_count_total", "model_name, status", 'model_name=~"$model"'
            )
        },
    ),
    Panel(
        "Latency",
        "s",
        {
            f"p{share * 100:g} {_LINE}": _quantile(share, "kernel_server_request_duration_seconds")
            for share in (0.5, 0.99)
        },
    ),
    Panel(
        "Where a request's time goes, on average",
        "s",
        {
            f"{stage} {_LINE}": _mean(f"kernel_server_{stage}_duration_seconds")
            for stage in ("request", "queue", "compute")
        },
    ),
    Panel("Rows of a batch, on average", "none", {_LINE: _mean("kernel_server_batch_rows")}),
    Panel("Fill of a batch, on average", "percentunit", {_LINE: _mean("kernel_server_batch_fill_ratio")}),
    Panel(
        "Batches by why they left",
        "ops",
        {"{{model}} {{reason}}": _rate("kernel_server_batches_total", "model, reason")},
    ),
    Panel(
        "Requests present",
        "none",
        {
            f"{state.replace('_', ' ')} {_LINE}": _present(f"kernel_server_requests_{state}")
            for state in ("in_flight", "queued")
        },
    ),
    Panel("Memory", "bytes", {"{{instance}}": "process_resident_memory_bytes"}),
    Panel("CPU", "none", {"cores {{instance}}": "rate(process_cpu_seconds_total[$__rate_interval])"}),
    Panel(
        "Loads of versions",
        "none",
        {"{{model_path}} {{status}}": "tensorflow_cc_saved_model_load_attempt_count_total"},
    ),
    Panel(
        "Generation of batching parameters", "none", {_LINE: _present("kernel_server_batching_generation")}
    ),
)
"""What the dashboard shows, in the order of reading."""

_SOURCES = {"name": "datasource", "label": "Prometheus", "type": "datasource", "query": "prometheus"}
_MODELS = {
    "name": "model",
    "label": "Model",
    "type": "query",
    "datasource": _DATASOURCE,
    "query": {"query": "label_values(kernel_server_requests_total, model)", "refId": "model"},
    "refresh": 2,
    "multi": True,
    "includeAll": True,
    "allValue": ".*",
    "current": {"text": ["All"], "value": ["$__all"]},
}


def _panel(number: int, panel: Panel) -> dict[str, Any]:
    row, column = divmod(number, _COLUMNS)
    return {
        "id": number + 1,
        "type": "timeseries",
        "title": panel.title,
        "datasource": _DATASOURCE,
        "gridPos": {"x": column * _WIDTH, "y": row * _HEIGHT, "w": _WIDTH, "h": _HEIGHT},
        "fieldConfig": {"defaults": {"unit": panel.unit, "min": 0}, "overrides": []},
        "targets": [
            {"refId": chr(ord("A") + at), "expr": query, "legendFormat": legend}
            for at, (legend, query) in enumerate(panel.queries.items())
        ],
    }
