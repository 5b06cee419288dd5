"""Clients of a server: the stock stubs of ``tensorflow-serving-api``, and the control service."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import grpc
import numpy as np
import pytest
import tensorflow as tf
from tensorflow.core.framework import tensor_pb2
from tensorflow_serving.apis import (
    get_model_metadata_pb2,
    get_model_status_pb2,
    model_management_pb2,
    model_service_pb2_grpc,
    predict_pb2,
    prediction_service_pb2_grpc,
)
from tensorflow_serving.config import model_server_config_pb2

from kernel_server.rpc import control_pb2

TIMEOUT = 60.0


def typed(values: np.ndarray) -> tensor_pb2.TensorProto:
    """Floats in the field for their type, as clients write it who fill the message by hand."""
    proto = tensor_pb2.TensorProto(dtype=tf.as_dtype(values.dtype).as_datatype_enum)
    proto.tensor_shape.CopyFrom(tf.TensorShape(values.shape).as_proto())
    field = proto.double_val if values.dtype == np.float64 else proto.float_val
    field.extend(values.ravel().tolist())
    return proto


def predict_request(
    model: str,
    inputs: Any,
    *,
    signature: str = "",
    version: int | None = None,
    label: str | None = None,
    output_filter: Sequence[str] = (),
) -> predict_pb2.PredictRequest:
    """A request; ``inputs`` that are no mapping become the input ``x`` of 32-bit floats."""
    named = inputs if isinstance(inputs, Mapping) else {"x": np.asarray(inputs, np.float32)}
    request = predict_pb2.PredictRequest(output_filter=output_filter)
    request.model_spec.name = model
    request.model_spec.signature_name = signature
    if version is not None:
        request.model_spec.version.value = version
    if label is not None:
        request.model_spec.version_label = label
    for name, value in named.items():
        proto = value if isinstance(value, tensor_pb2.TensorProto) else tf.make_tensor_proto(value)
        request.inputs[name].CopyFrom(proto)
    return request


class Control:
    """The control service: every method of its descriptor as a callable."""

    def __init__(self, channel: grpc.Channel) -> None:
        for method in control_pb2.DESCRIPTOR.services_by_name["Control"].methods:
            make = channel.unary_stream if method.server_streaming else channel.unary_unary
            call = make(
                f"/{method.containing_service.full_name}/{method.name}",
                request_serializer=lambda message: message.SerializeToString(),
                response_deserializer=_class_of(method.output_type).FromString,
            )
            setattr(self, method.name, call)

    def __getattr__(self, name: str) -> Any:
        raise AttributeError(f"the control service has no method {name}")


def _class_of(descriptor: Any) -> Any:
    return getattr(control_pb2, descriptor.name)


class Client:
    """Everything a client may ask of a server, over one channel."""

    def __init__(self, channel: grpc.Channel, metadata: Sequence[tuple[str, str]] = ()) -> None:
        self.channel = channel
        self.prediction = prediction_service_pb2_grpc.PredictionServiceStub(channel)
        self.models = model_service_pb2_grpc.ModelServiceStub(channel)
        self.control = Control(channel)
        self.metadata = tuple(metadata)

    def predict(self, model: str, inputs: Any, **options: Any) -> dict[str, Any]:
        """The outputs as arrays, decoded by TensorFlow."""
        reply = self.send(predict_request(model, inputs, **options))
        return {name: tf.make_ndarray(proto) for name, proto in reply.outputs.items()}

    def send(self, request: predict_pb2.PredictRequest, timeout: float = TIMEOUT) -> Any:
        """The reply to a Predict."""
        return self.prediction.Predict(request, timeout, metadata=self.metadata)

    def start(self, request: predict_pb2.PredictRequest, timeout: float = TIMEOUT) -> grpc.Future:
        """Send a Predict without waiting for its reply."""
        return self.prediction.Predict.future(request, timeout, metadata=self.metadata)

    def status(self, model: str, version: int | None = None) -> list[tuple[int, str, str]]:
        """Version, state and error message of the versions, in the order of the reply."""
        request = get_model_status_pb2.GetModelStatusRequest()
        request.model_spec.name = model
        if version is not None:
            request.model_spec.version.value = version
        reply = self.models.GetModelStatus(request, TIMEOUT, metadata=self.metadata)
        states = get_model_status_pb2.ModelVersionStatus.State
        return [(s.version, states.Name(s.state), s.status.error_message) for s in reply.model_version_status]

    def signature_defs(self, model: str, version: int | None = None) -> Any:
        """The reply to GetModelMetadata and the signatures inside."""
        request = get_model_metadata_pb2.GetModelMetadataRequest(metadata_field=["signature_def"])
        request.model_spec.name = model
        if version is not None:
            request.model_spec.version.value = version
        reply = self.prediction.GetModelMetadata(request, TIMEOUT, metadata=self.metadata)
        definitions = get_model_metadata_pb2.SignatureDefMap()
        assert reply.metadata["signature_def"].Unpack(definitions)
        return reply, definitions.signature_def

    def reload(self, *models: model_server_config_pb2.ModelConfig, timeout: float = TIMEOUT) -> Any:
        """Put these models in force, and no others."""
        request = model_management_pb2.ReloadConfigRequest()
        request.config.model_config_list.config.extend(models)
        return self.models.HandleReloadConfigRequest(request, timeout, metadata=self.metadata)

    def replace_batching(self, model: str, **fields: Any) -> control_pb2.Batching:
        """Replace batching parameters; the others keep their values."""
        parameters = control_pb2.BatchingParameters(**fields)
        request = control_pb2.ReplaceBatchingRequest(
            model=model, parameters=parameters, keep_allowed_batch_sizes="allowed_batch_sizes" not in fields
        )
        return self.control.ReplaceBatching(request, timeout=TIMEOUT)

    def batching(self, model: str) -> control_pb2.Batching:
        """The batching parameters in force."""
        return self.control.GetBatching(control_pb2.GetBatchingRequest(model=model), timeout=TIMEOUT)

    def split(self, model: str, weights: Mapping[int | str, float]) -> control_pb2.Traffic:
        """Divide requests that name no version among versions and labels."""
        arms = [control_pb2.Arm(target=_target(found), weight=weight) for found, weight in weights.items()]
        request = control_pb2.ReplaceSplitRequest(model=model, arms=arms)
        return self.control.ReplaceSplit(request, timeout=TIMEOUT)

    def shadow(self, model: str, target: int | str | None) -> control_pb2.Traffic:
        """Have a version or a label answer copies of requests, or nobody."""
        found = None if target is None else _target(target)
        request = control_pb2.ReplaceShadowRequest(model=model, target=found)
        return self.control.ReplaceShadow(request, timeout=TIMEOUT)

    def traffic(self, model: str) -> control_pb2.Traffic:
        """The split and the shadow in force."""
        return self.control.GetTraffic(control_pb2.GetTrafficRequest(model=model), timeout=TIMEOUT)

    def statistics(self, model: str = "") -> control_pb2.Statistics:
        """One reading of the counters."""
        return self.control.GetStatistics(control_pb2.GetStatisticsRequest(model=model), timeout=TIMEOUT)

    def in_flight(self, model: str) -> int:
        """Requests of a model that are taken and not answered."""
        return sum(reading.in_flight_requests for reading in self.statistics(model).signatures)


def _target(found: int | str) -> control_pb2.Target:
    if isinstance(found, str):
        return control_pb2.Target(label=found)
    return control_pb2.Target(version=found)


def model_config(
    name: str,
    base_path: Any,
    policy: str | Sequence[int] = "",
    *,
    platform: str = "tensorflow",
    **labels: int,
) -> Any:
    """A ``ModelConfig``; ``policy`` is ``all``, versions, or nothing for the latest."""
    config = model_server_config_pb2.ModelConfig(
        name=name, base_path=str(base_path), model_platform=platform, version_labels=labels
    )
    if policy == "all":
        config.model_version_policy.all.SetInParent()
    elif policy:
        config.model_version_policy.specific.versions.extend(policy)
    return config


@contextmanager
def refused(code: grpc.StatusCode, message: str) -> Iterator[None]:
    """The call inside must fail with ``code`` and a message that begins with ``message``."""
    with pytest.raises(grpc.RpcError) as caught:
        yield
    assert (caught.value.code(), caught.value.details()[: len(message)]) == (code, message)
