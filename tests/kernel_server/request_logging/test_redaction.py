"""What redaction leaves of a log."""

from __future__ import annotations

import numpy as np
from support.examples import (
    CLASSIFY,
    REGRESS,
    classification_request,
    example,
    model_spec,
    multi_inference_request,
    regression_request,
)
from support.stubs import predict_request
from tensorflow_serving.apis.prediction_log_pb2 import PredictionLog

from kernel_server.request_logging.redaction import redact
from kernel_server.tensor_protos import decode_tensor

FEATURES = {"x": [1.0, 2.0], "n": 3, "name": b"secret"}
ZEROED = {"x": [0.0, 0.0], "n": 0, "name": b""}


def test_tensors_keep_type_and_shape() -> None:
    inputs = {"x": np.ones((2, 3), np.float32), "name": np.array([b"a", b"b"]), "kept": np.array([1])}
    log = PredictionLog(predict_log={"request": predict_request("m", inputs)})
    log.predict_log.response.outputs["y"].CopyFrom(log.predict_log.request.inputs["x"])
    log.predict_log.response.outputs["kept"].CopyFrom(log.predict_log.request.inputs["kept"])
    redact(log, {"x", "name", "absent"}, {"y"})
    left = {name: decode_tensor(name, proto) for name, proto in log.predict_log.request.inputs.items()}
    assert left.keys() == inputs.keys()
    assert (left["x"].dtype, left["x"].tolist()) == (np.float32, [[0, 0, 0], [0, 0, 0]])
    assert left["name"].tolist() == [b"", b""]
    assert left["kept"].tolist() == [1]
    outputs = log.predict_log.response.outputs
    assert decode_tensor("y", outputs["y"]).tolist() == [[0, 0, 0], [0, 0, 0]]
    assert decode_tensor("kept", outputs["kept"]).tolist() == [1]


def test_features_keep_kind_and_number() -> None:
    request = classification_request("m", [FEATURES, FEATURES], context={"name": b"secret", "kept": 1.0})
    log = PredictionLog(classify_log={"request": request})
    redact(log, {"x", "n", "name"}, ())
    sent = log.classify_log.request.input.example_list_with_context
    assert list(sent.examples) == [example(ZEROED)] * 2
    assert sent.context == example({"name": b"", "kept": 1.0})


def test_no_context_appears() -> None:
    log = PredictionLog(regress_log={"request": regression_request("m", [FEATURES])})
    redact(log, {"x"}, ())
    assert log.regress_log.request.input == regression_request("m", [FEATURES | {"x": [0.0, 0.0]}]).input


def test_results() -> None:
    tasks = [(model_spec("m", "c"), CLASSIFY), (model_spec("m", "r"), REGRESS)]
    log = PredictionLog(multi_inference_log={"request": multi_inference_request(tasks, [FEATURES])})
    results = log.multi_inference_log.response.results
    results.add().classification_result.classifications.add().classes.add(label="up", score=0.5)
    results.add().regression_result.regressions.add(value=7.0)
    redact(log, (), {"scores"})
    assert results[0].classification_result.classifications[0].classes[0].label == "up"
    assert results[0].classification_result.classifications[0].classes[0].score == 0.0
    assert results[1].regression_result.regressions[0].value == 7.0
    redact(log, (), {"classes", "outputs"})
    assert results[0].classification_result.classifications[0].classes[0].label == ""
    assert results[1].regression_result.regressions[0].value == 0.0
    assert [result.WhichOneof("result") for result in results] == [
        "classification_result",
        "regression_result",
    ]
