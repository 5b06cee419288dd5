"""Configurations of request logs, and reading what they hold."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import tensorflow as tf
from google.protobuf import json_format
from tensorflow_serving.apis.prediction_log_pb2 import PredictionLog
from tensorflow_serving.config import logging_config_pb2

from kernel_server.config.request_log_pb2 import RequestLogOptions


def logging_config(
    prefix: Path, kind: str = "tfrecord", rate: float = 1.0, **options: Any
) -> logging_config_pb2.LoggingConfig:
    """A configuration; ``options`` are those of this server alone."""
    config = logging_config_pb2.LoggingConfig(
        log_collector_config={"type": kind, "filename_prefix": str(prefix)},
        sampling_config={"sampling_rate": rate},
    )
    if options:
        config.custom_logging_config.Pack(RequestLogOptions(**options))
    return config


def read_logs(*files: Path) -> list[PredictionLog]:
    """What the files hold, in the form that their names tell."""
    return [log for file in files for log in (_read_lines(file) if file.suffix == ".jsonl" else _read(file))]


def _read(file: Path) -> list[PredictionLog]:
    records = tf.compat.v1.io.tf_record_iterator(str(file))
    return [PredictionLog.FromString(record) for record in records]


def _read_lines(file: Path) -> list[PredictionLog]:
    return [json_format.Parse(line, PredictionLog()) for line in file.read_text().splitlines()]
