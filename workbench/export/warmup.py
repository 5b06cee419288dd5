"""Warm-up records: requests that a server runs while it loads a version, before it answers anybody.

The file is TensorFlow Serving's: a TFRecord of ``PredictionLog`` messages, at
``assets.extra/tf_serving_warmup_requests``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from workbench.export.errors import WarmupRefused
from workbench.export.signature import DEFAULT_SIGNATURE, Signature

MAX_RECORDS = 1000

Inputs: TypeAlias = npt.ArrayLike | Mapping[str, npt.ArrayLike]
Warmup: TypeAlias = npt.NDArray[Any] | Mapping[str, npt.ArrayLike] | Sequence[Inputs]


def write_warmup(saved_model: Path, model_name: str, signature: Signature, warmup: Warmup) -> int:
    """Runs each record through the saved model, then writes them all beside it; returns how many.

    Args:
        saved_model: a version that nobody serves yet.
        model_name: goes into the records; servers do not look at it.
        signature: the default signature, which the records are for.
        warmup: one array or one mapping of inputs, or a sequence of such. Records of several batch sizes
            warm up what the batching will produce.

    Raises:
        WarmupRefused: a record fails; in a server it would make every load of this version fail.
    """
    import tensorflow as tf

    records = [warmup] if isinstance(warmup, np.ndarray | Mapping) else list(warmup)
    if len(records) > MAX_RECORDS:
        raise WarmupRefused(MAX_RECORDS, f"a server takes at most {MAX_RECORDS} records, not {len(records)}")
    run = tf.saved_model.load(str(saved_model)).signatures[DEFAULT_SIGNATURE]
    tensors = [_tensors(index, record, signature) for index, record in enumerate(records)]
    for index, record in enumerate(tensors):
        try:
            run(**record)
        except (tf.errors.OpError, ValueError, TypeError) as error:
            raise WarmupRefused(index, str(error)) from error
    _write(saved_model / "assets.extra" / "tf_serving_warmup_requests", model_name, tensors)
    return len(tensors)


def _tensors(index: int, record: Inputs, signature: Signature) -> dict[str, Any]:
    import tensorflow as tf

    expected = {tensor.name: tensor for tensor in signature.inputs}
    named = record if isinstance(record, Mapping) else dict.fromkeys(expected, record)
    if named.keys() != expected.keys() or (len(expected) > 1 and not isinstance(record, Mapping)):
        raise WarmupRefused(index, f"it must map each of the inputs {sorted(expected)} to an array")
    try:
        return {name: tf.constant(value, expected[name].dtype) for name, value in named.items()}
    except (TypeError, ValueError) as error:
        raise WarmupRefused(index, str(error)) from error


def _write(path: Path, model_name: str, records: Sequence[Mapping[str, Any]]) -> None:
    import tensorflow as tf
    from tensorflow_serving.apis import prediction_log_pb2

    path.parent.mkdir()
    with tf.io.TFRecordWriter(str(path)) as writer:
        for record in records:
            log = prediction_log_pb2.PredictionLog()
            request = log.predict_log.request
            request.model_spec.name = model_name
            request.model_spec.signature_name = DEFAULT_SIGNATURE
            for name, tensor in record.items():
                request.inputs[name].CopyFrom(tf.make_tensor_proto(tensor.numpy()))
            writer.write(log.SerializeToString())
