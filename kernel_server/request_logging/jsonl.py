"""Requests as JSON, one on each line."""

from __future__ import annotations

from pathlib import Path

from google.protobuf import json_format
from tensorflow_serving.apis.prediction_log_pb2 import PredictionLog

from kernel_server.request_logging.rotation import LogFile, RotatingCollector


class JsonLinesCollector(RotatingCollector):
    """A line is a ``PredictionLog`` in protobuf's JSON, with the field names of the messages."""

    suffix = ".jsonl"

    def _encode(self, log: PredictionLog) -> bytes:
        text = json_format.MessageToJson(log, preserving_proto_field_name=True, indent=None)
        return f"{text}\n".encode()

    def _open(self, path: Path) -> LogFile:
        return path.open("wb")
