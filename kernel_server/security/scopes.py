"""What a token may be good for, and which call asks for what."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum


class Scope(StrEnum):
    """A kind of calls that a token admits to."""

    INFER = "infer"
    """Ask models, and what they are."""

    ADMIN = "admin"
    """Change what is served and how, or end it."""

    METRICS = "metrics"
    """Read how the server does."""


ALL = frozenset(Scope)

_PREDICTION = "/tensorflow.serving.PredictionService/"
_MODELS = "/tensorflow.serving.ModelService/"
_OPEN_INFERENCE = "/inference.GRPCInferenceService/"
_CONTROL = "/kernel_server.control.v1.Control/"
_HEALTH = "/grpc.health.v1.Health/"

NEEDED: Mapping[str, Scope | None] = {
    # gRPC, by method; what is open to all carries no secrets, and probes carry no tokens
    _PREDICTION + "Predict": Scope.INFER,
    _PREDICTION + "Classify": Scope.INFER,
    _PREDICTION + "Regress": Scope.INFER,
    _PREDICTION + "MultiInference": Scope.INFER,
    _PREDICTION + "GetModelMetadata": Scope.INFER,
    _MODELS + "GetModelStatus": Scope.INFER,
    _MODELS + "HandleReloadConfigRequest": Scope.ADMIN,
    _OPEN_INFERENCE + "ServerLive": None,
    _OPEN_INFERENCE + "ServerReady": None,
    _OPEN_INFERENCE + "ModelReady": None,
    _OPEN_INFERENCE + "ServerMetadata": Scope.INFER,
    _OPEN_INFERENCE + "ModelMetadata": Scope.INFER,
    _OPEN_INFERENCE + "ModelConfig": Scope.INFER,
    _OPEN_INFERENCE + "ModelInfer": Scope.INFER,
    _CONTROL + "GetBatching": Scope.ADMIN,
    _CONTROL + "ReplaceBatching": Scope.ADMIN,
    _CONTROL + "GetTraffic": Scope.ADMIN,
    _CONTROL + "ReplaceSplit": Scope.ADMIN,
    _CONTROL + "ReplaceShadow": Scope.ADMIN,
    _CONTROL + "GetModelConfig": Scope.ADMIN,
    _CONTROL + "SetOwner": Scope.ADMIN,
    _CONTROL + "Drain": Scope.ADMIN,
    _CONTROL + "Stop": Scope.ADMIN,
    _CONTROL + "GetServerInfo": Scope.METRICS,
    _CONTROL + "GetStatistics": Scope.METRICS,
    _CONTROL + "WatchStatistics": Scope.METRICS,
    _HEALTH + "Check": None,
    _HEALTH + "List": None,
    _HEALTH + "Watch": None,
    "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo": None,
    # REST, by call
    "predict": Scope.INFER,
    "classify": Scope.INFER,
    "regress": Scope.INFER,
    "metadata": Scope.INFER,
    "status": Scope.INFER,
    "infer": Scope.INFER,
    "model_metadata": Scope.INFER,
    "model_config": Scope.INFER,
    "model_ready": None,
    "server_metadata": Scope.INFER,
    "live": None,
    "ready": None,
    "metrics": Scope.METRICS,
}


def needed(call: str) -> Scope | None:
    """The scope that ``call`` asks for, ``None`` if it is open to all; if not listed, ``admin``."""
    return NEEDED.get(call, Scope.ADMIN)
