"""The standard services that tools and probes use."""

from __future__ import annotations

import grpc
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha.proto_reflection_descriptor_database import ProtoReflectionDescriptorDatabase
from support.stubs import TIMEOUT, Client, refused

PREDICTION = "tensorflow.serving.PredictionService"
SERVICES = (PREDICTION, "tensorflow.serving.ModelService", "kernel_server.control.v1.Control")


@pytest.mark.parametrize("name", ["", "ModelService", "PredictionService", PREDICTION])
def test_healthy(client: Client, name: str) -> None:
    stub = health_pb2_grpc.HealthStub(client.channel)
    reply = stub.Check(health_pb2.HealthCheckRequest(service=name), TIMEOUT)
    assert reply.status == health_pb2.HealthCheckResponse.SERVING


def test_health_of_an_unknown_service(client: Client) -> None:
    stub = health_pb2_grpc.HealthStub(client.channel)
    with refused(grpc.StatusCode.NOT_FOUND, ""):
        stub.Check(health_pb2.HealthCheckRequest(service="none"), TIMEOUT)


def test_reflection_lists_and_describes_every_service(client: Client) -> None:
    database = ProtoReflectionDescriptorDatabase(client.channel)
    assert set(database.get_services()) >= set(SERVICES)
    for name in SERVICES:
        file = database.FindFileContainingSymbol(name)
        assert name.rpartition(".")[2] in [service.name for service in file.service]
