"""Requests as TFRecord files, each of which a version can be warmed up from."""

from __future__ import annotations

from pathlib import Path

import tensorflow as tf
from tensorflow_serving.apis.prediction_log_pb2 import PredictionLog

from kernel_server.request_logging.rotation import LogFile, RotatingCollector


class TFRecordCollector(RotatingCollector):
    """A file is a sequence of ``PredictionLog`` messages, as ``tf_serving_warmup_requests`` is."""

    suffix = ".tfrecord"
    frame_bytes = 16

    def _encode(self, log: PredictionLog) -> bytes:
        record: bytes = log.SerializeToString()
        return record

    def _open(self, path: Path) -> LogFile:
        file: LogFile = tf.io.TFRecordWriter(str(path))
        return file
