"""``tensorflow.serving.ModelService``: GetModelStatus and HandleReloadConfigRequest."""

from __future__ import annotations

from tensorflow_serving.apis import get_model_status_pb2, model_management_pb2

from kernel_server.config.model_server import ModelServerConfig
from kernel_server.core.state import VersionState
from kernel_server.errors import InvalidArgument
from kernel_server.handlers import Handlers
from kernel_server.rpc.methods import Methods, unary
from kernel_server.rpc.model_specs import from_proto
from kernel_server.rpc.status_codes import status_message, status_number

SERVICE = "tensorflow.serving.ModelService"


class ModelService:
    """Status and configuration of the models."""

    def __init__(self, handlers: Handlers) -> None:
        self._handlers = handlers

    def methods(self) -> Methods:
        """The methods by full name."""
        return {
            f"/{SERVICE}/GetModelStatus": unary(
                self.get_model_status, get_model_status_pb2.GetModelStatusRequest
            ),
            f"/{SERVICE}/HandleReloadConfigRequest": unary(
                self.reload, model_management_pb2.ReloadConfigRequest
            ),
        }

    async def get_model_status(
        self, request: get_model_status_pb2.GetModelStatusRequest
    ) -> get_model_status_pb2.GetModelStatusResponse:
        """The state of a model's versions, highest first."""
        states = self._handlers.status.model_status(from_proto(request))
        return get_model_status_pb2.GetModelStatusResponse(
            model_version_status=[_version_status(state) for state in states]
        )

    async def reload(
        self, request: model_management_pb2.ReloadConfigRequest
    ) -> model_management_pb2.ReloadConfigResponse:
        """Apply a model configuration; answers when the models that are new to it are available.

        The answer tells how much each metric in ``metric_names`` grew meanwhile.
        """
        if request.config.WhichOneof("config") != "model_config_list":
            raise InvalidArgument(
                "ServerModelConfig type not supported by HandleReloadConfigRequest. "
                "Only ModelConfigList is currently supported"
            )
        metrics, names = self._handlers.metrics, request.metric_names
        before = metrics.first_values(names)
        await self._handlers.reload.apply(ModelServerConfig.from_proto(request.config))
        growth = [new - old for old, new in zip(before, metrics.first_values(names), strict=True)]
        told = [{"name": name, "int64_value_increase": n} for name, n in zip(names, growth, strict=True)]
        return model_management_pb2.ReloadConfigResponse(status={}, metric=told)


def _version_status(state: VersionState) -> get_model_status_pb2.ModelVersionStatus:
    status = get_model_status_pb2.ModelVersionStatus(version=state.id.version, state=int(state.state))
    status.status.SetInParent()
    if state.error is not None:
        status.status.error_code = status_number(state.error)
        status.status.error_message = status_message(state.error)
    return status
