"""Warm-up records: requests that a server runs while it loads a version, before it answers anybody.

The file is TensorFlow Serving's: a TFRecord of ``PredictionLog`` messages, at
``assets.extra/tf_serving_warmup_requests``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, TypeAlias

from workbench.errors import InvalidSetting
from workbench.export.errors import WarmupRefused
from workbench.metadata import DEFAULT_SIGNATURE, Signature
from workbench.tensors import to_arrays

MAX_RECORDS = 1000

Warmup: TypeAlias = Any
"""What ``Client.predict`` takes, or a list or tuple of such."""


def write_warmup(saved_model: Path, model_name: str, signature: Signature, warmup: Warmup) -> int:
    """Runs each record through the saved model, then writes them all beside it; returns how many.

    ``saved_model`` is a version that nobody serves yet and ``signature`` its default one, which the records
    are for. Servers do not look at the ``model_name`` in a record. Raises :class:`WarmupRefused` if a record
    fails, because in a server it would make every load of this version fail.
    """
    import tensorflow as tf

    records = list(warmup) if isinstance(warmup, list | tuple) else [warmup]
    if len(records) > MAX_RECORDS:
        raise WarmupRefused(MAX_RECORDS, f"a server takes at most {MAX_RECORDS} records, not {len(records)}")
    run = tf.saved_model.load(str(saved_model)).signatures[DEFAULT_SIGNATURE]
    requests = []
    for index, record in enumerate(records):
        try:
            tensors = {name: tf.constant(value) for name, value in to_arrays(record, signature).items()}
            run(**tensors)
        except (InvalidSetting, tf.errors.OpError, TypeError, ValueError) as error:
            raise WarmupRefused(index, str(error)) from error
        requests.append(tensors)
    _write(saved_model / "assets.extra" / "tf_serving_warmup_requests", model_name, requests)
    return len(requests)


def _write(path: Path, model_name: str, requests: Sequence[Mapping[str, Any]]) -> None:
    import tensorflow as tf
    from tensorflow_serving.apis import prediction_log_pb2

    path.parent.mkdir()
    with tf.io.TFRecordWriter(str(path)) as writer:
        for tensors in requests:
            log = prediction_log_pb2.PredictionLog()
            request = log.predict_log.request
            request.model_spec.name = model_name
            request.model_spec.signature_name = DEFAULT_SIGNATURE
            for name, tensor in tensors.items():
                request.inputs[name].CopyFrom(tf.make_tensor_proto(tensor.numpy()))
            writer.write(log.SerializeToString())
