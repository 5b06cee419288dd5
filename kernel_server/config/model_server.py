"""Which models to serve: ``ModelServerConfig`` as a dataclass, from and to its message.

Source of the rules: ``ServerCore`` in ``tensorflow_serving/model_servers/server_core.cc``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

from tensorflow_serving.config import model_server_config_pb2 as pb
from tensorflow_serving.config.file_system_storage_path_source_pb2 import FileSystemStoragePathSourceConfig

from kernel_server.config import request_log_pb2  # noqa: F401 - text files may have its messages
from kernel_server.config.text_format import read_text_proto
from kernel_server.errors import FailedPrecondition, InvalidArgument, Unimplemented
from kernel_server.settings import Settings
from kernel_server.sources.selection import All, Latest, Selection, Specific

TENSORFLOW = "tensorflow"
"""The platform of SavedModels, and what the deprecated ``model_type`` stands for."""


@dataclass(frozen=True, slots=True)
class ModelConfig:
    """One model: where its versions are, which of them to serve, and what the labels stand for.

    ``logging`` is a serialized ``LoggingConfig``.
    """

    name: str
    base_path: str
    platform: str = TENSORFLOW
    policy: Selection = field(default_factory=Latest)
    labels: Mapping[str, int] = field(default_factory=dict)
    logging: bytes | None = None

    @classmethod
    def from_proto(cls, proto: pb.ModelConfig) -> Self:
        """Take over a message; raises ``InvalidArgument`` unless it names exactly one platform."""
        return cls(
            name=proto.name,
            base_path=proto.base_path,
            platform=_platform(proto),
            policy=_selection(proto.model_version_policy),
            labels=dict(proto.version_labels),
            logging=proto.logging_config.SerializeToString() if proto.HasField("logging_config") else None,
        )

    def to_proto(self) -> pb.ModelConfig:
        """The message, with its version policy spelled out."""
        proto = pb.ModelConfig(
            name=self.name,
            base_path=self.base_path,
            model_platform=self.platform,
            model_version_policy=_policy_proto(self.policy),
            version_labels=self.labels,
        )
        if self.logging is not None:
            proto.logging_config.MergeFromString(self.logging)
        return proto

    def validate(self) -> None:
        """Raise for a model that cannot be served, whatever its folder holds."""
        if not self.name:
            raise InvalidArgument(f"Expected every model to have a name; that of {self.base_path} has none")
        if "://" in self.base_path:
            raise Unimplemented(
                f"Model {self.name} lies in a remote store, base_path()={self.base_path}; "
                "mount or copy it and give the local path"
            )
        if not Path(self.base_path).is_absolute():
            raise InvalidArgument(
                f"Expected model {self.name} to have an absolute path or URI; "
                f"got base_path()={self.base_path}"
            )


@dataclass(frozen=True, slots=True)
class ModelServerConfig:
    """All models to serve."""

    models: tuple[ModelConfig, ...] = ()

    @classmethod
    def from_settings(cls, settings: Settings) -> Self:
        """What the server is to start with: the configuration file, or else the single model."""
        if settings.model_config_file is not None:
            return cls.from_text(settings.model_config_file) or cls()
        return cls((ModelConfig(settings.model_name, settings.model_base_path),))

    @classmethod
    def from_text(cls, path: Path) -> Self | None:
        """Read a text-proto file; ``None`` if it holds no configuration, which changes nothing.

        An empty ``model_config_list`` is a configuration: that of a server without models. Raises
        :class:`~kernel_server.config.text_format.InvalidTextProto` and what :meth:`from_proto` raises.
        """
        proto = read_text_proto(path, pb.ModelServerConfig)
        return cls.from_proto(proto) if proto.WhichOneof("config") else None

    @classmethod
    def from_proto(cls, proto: pb.ModelServerConfig) -> Self:
        """Take over a message.

        Raises ``InvalidArgument`` for a model without one clear platform and ``FailedPrecondition``
        for anything but a list of models.
        """
        if proto.WhichOneof("config") == "custom_model_config":
            raise FailedPrecondition(
                "Cannot transition to requested config. "
                "It is only legal to transition from one ModelConfigList to another."
            )
        return cls(tuple(ModelConfig.from_proto(model) for model in proto.model_config_list.config))

    def to_proto(self) -> pb.ModelServerConfig:
        """The message; :meth:`from_proto` gives an equal configuration back."""
        models = pb.ModelConfigList(config=[model.to_proto() for model in self.models])
        return pb.ModelServerConfig(model_config_list=models)

    def validate(self) -> None:
        """Raise a :class:`~kernel_server.errors.ServingError` for a list that cannot be served.

        Nothing outside the configuration is looked at: neither folders nor installed platforms.
        """
        names: set[str] = set()
        for model in self.models:
            model.validate()
            if model.name in names:
                raise InvalidArgument(f"Illegal to list model {model.name} multiple times in config list")
            names.add(model.name)


def _platform(proto: pb.ModelConfig) -> str:
    fields = "ModelServerConfig::model_type (deprecated) {} ModelServerConfig::model_platform"
    by_type, by_name = proto.model_type != pb.MODEL_TYPE_UNSPECIFIED, bool(proto.model_platform)
    if by_type and by_name:
        raise InvalidArgument(f"Illegal setting both {fields.format('and')}, model name is {proto.name}")
    if not by_type and not by_name:
        raise InvalidArgument(f"Illegal setting neither {fields.format('nor')}, model name is {proto.name}")
    if by_type and proto.model_type != pb.TENSORFLOW:
        raise InvalidArgument(f"Model {proto.name} requests unsupported model_type OTHER; set model_platform")
    return proto.model_platform or TENSORFLOW


def _selection(policy: FileSystemStoragePathSourceConfig.ServableVersionPolicy) -> Selection:
    match policy.WhichOneof("policy_choice"):
        case "all":
            return All()
        case "specific":
            return Specific(tuple(policy.specific.versions))
        case "latest":
            return Latest(policy.latest.num_versions)
        case _:
            return Latest()


def _policy_proto(selection: Selection) -> FileSystemStoragePathSourceConfig.ServableVersionPolicy:
    policy = FileSystemStoragePathSourceConfig.ServableVersionPolicy()
    match selection:
        case All():
            policy.all.SetInParent()
        case Specific(versions):
            policy.specific.versions.extend(versions)
            policy.specific.SetInParent()
        case Latest(num_versions):
            policy.latest.num_versions = num_versions
            policy.latest.SetInParent()
    return policy
