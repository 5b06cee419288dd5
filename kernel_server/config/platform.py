"""``--platform_config_file``: what replaces TensorFlow Serving's own configuration of its platform."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from tensorflow_serving.config.platform_config_pb2 import PlatformConfigMap

from kernel_server.config import session_bundle_pb2 as pb
from kernel_server.config.model_server import TENSORFLOW
from kernel_server.config.text_format import read_text_proto
from kernel_server.errors import InvalidArgument
from kernel_server.settings import Settings


def with_platform_config(settings: Settings) -> Settings:
    """The settings, with what their ``platform_config_file`` says in place of the flags that it replaces.

    Raises the errors of :func:`read_session_bundle`. Without such a file the settings stay as they are.
    """
    if settings.platform_config_file is None:
        return settings
    bundle = read_session_bundle(settings.platform_config_file)
    own = bundle.enable_per_model_batching_params
    return replace(
        settings,
        enable_batching=own or bundle.HasField("batching_parameters"),
        enable_per_model_batching_parameters=own,
        saved_model_tags=",".join(bundle.saved_model_tags) or "serve",
        enable_model_warmup=bundle.enable_model_warmup,
        num_request_iterations_for_warmup=bundle.model_warmup_options.num_request_iterations.value,
    )


def read_session_bundle(path: Path) -> pb.SessionBundleConfig:
    """The configuration of the platform ``tensorflow``; others have none.

    Raises :class:`~kernel_server.config.text_format.InvalidTextProto` for what this server does not know,
    and ``InvalidArgument`` for a file that configures another platform or in another way.
    """
    configs = read_text_proto(path, PlatformConfigMap).platform_configs
    if set(configs) != {TENSORFLOW}:
        found = ", ".join(sorted(configs)) or "none"
        raise InvalidArgument(f"'{path}' must configure platform {TENSORFLOW} and no other; found {found}")
    adapter = configs[TENSORFLOW].source_adapter_config
    for kind, field in (
        (pb.SavedModelBundleSourceAdapterConfig, "legacy_config"),
        (pb.SessionBundleSourceAdapterConfig, "config"),
    ):
        message = kind()
        if adapter.Unpack(message):
            bundle: pb.SessionBundleConfig = getattr(message, field)
            return bundle
    raise InvalidArgument(
        f"'{path}' must configure platform {TENSORFLOW} by a SavedModelBundleSourceAdapterConfig; "
        f"found {adapter.type_url or 'nothing'}"
    )
