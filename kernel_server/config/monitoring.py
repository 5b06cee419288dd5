"""Where Prometheus finds the metrics, from a text-proto file."""

from __future__ import annotations

from pathlib import Path

from kernel_server.config.config_files_pb2 import MonitoringConfig
from kernel_server.config.text_format import read_text_proto
from kernel_server.errors import InvalidArgument

DEFAULT_PROMETHEUS_PATH = "/monitoring/prometheus/metrics"


def read_prometheus_path(path: Path) -> str | None:
    """The REST path of the metrics, or ``None`` when the file does not enable them.

    Raises :class:`~kernel_server.config.text_format.InvalidTextProto`, or ``InvalidArgument`` for a path
    that no request can name.
    """
    config = read_text_proto(path, MonitoringConfig).prometheus_config
    found = config.path or DEFAULT_PROMETHEUS_PATH
    if not found.startswith("/"):
        raise InvalidArgument(f"The path of prometheus_config must begin with /; was {found} (in '{path}')")
    return found if config.enable else None
