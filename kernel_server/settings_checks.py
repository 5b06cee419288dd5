"""Which settings go together: what no server can start with, and what changes nothing."""

from __future__ import annotations

import re
from dataclasses import fields
from typing import TYPE_CHECKING

from kernel_server.config.channel_arguments import most_received_bytes, without_effect
from kernel_server.errors import InvalidArgument

if TYPE_CHECKING:
    from kernel_server.settings import Settings

_IN_PLATFORM_CONFIG = frozenset(
    (
        "batching_parameters_file",
        "enable_batching",
        "enable_model_warmup",
        "enable_per_model_batching_parameters",
        "num_request_iterations_for_warmup",
        "saved_model_tags",
        "tensorflow_session_config_file",
    )
)
_DEVICE = re.compile(r"auto|cpu|gpu(:\d+)?")
_MAX_PORT = 65535


def validate(settings: Settings) -> None:
    """See :meth:`Settings.validate`."""
    for broken, message in _contradictions(settings):
        if broken:
            raise InvalidArgument(message)
    for flag in ("port", "rest_api_port"):
        _check_port(flag, getattr(settings, flag))
    most_received_bytes(settings.grpc_channel_arguments)


def idle_flags(settings: Settings) -> list[str]:
    """See :meth:`Settings.idle_flags`."""
    lines = [
        f"grpc_channel_arguments: {key} has no effect; this server's HTTP/2 is its own"
        for key in without_effect(settings.grpc_channel_arguments)
    ]
    if settings.monitoring_config_file is not None and not settings.rest_api_port:
        lines.append("monitoring_config_file has no effect without rest_api_port, which has the metrics")
    if settings.rest_api_ssl and not settings.rest_api_port:
        lines.append("rest_api_ssl has no effect without rest_api_port")
    if settings.platform_config_file is not None:
        lines += [
            f"{flag.name} has no effect with platform_config_file, which says it"
            for flag in fields(settings)
            if flag.name in _IN_PLATFORM_CONFIG and getattr(settings, flag.name) != flag.default
        ]
    elif settings.enable_per_model_batching_parameters and not settings.enable_batching:
        lines.append("enable_per_model_batching_parameters has no effect without enable_batching")
    return lines


def _contradictions(settings: Settings) -> list[tuple[bool, str]]:
    parallelism = (
        settings.tensorflow_session_parallelism,
        settings.tensorflow_intra_op_parallelism,
        settings.tensorflow_inter_op_parallelism,
    )
    return [
        (
            settings.port == 0 and settings.grpc_socket_path is None,
            "At least one of server_options.grpc_port or server_options.grpc_socket_path must be set.",
        ),
        (
            settings.use_alts_credentials and settings.ssl_config_file is not None,
            "Either use_alts_credentials must be false or ssl_config_file must be empty.",
        ),
        (
            settings.rest_api_ssl and settings.ssl_config_file is None,
            "rest_api_ssl needs ssl_config_file, which holds the key and the certificate.",
        ),
        (
            settings.grpc_front_ends < 0,
            f"grpc_front_ends must not be negative; was {settings.grpc_front_ends}",
        ),
        (
            not settings.model_base_path and settings.model_config_file is None,
            "Both server_options.model_base_path and server_options.model_config_file are empty!",
        ),
        (
            settings.batching_parameters_file is not None
            and not settings.enable_batching
            and settings.platform_config_file is None,
            "server_options.batching_parameters_file is set without setting "
            "server_options.enable_batching to true.",
        ),
        (
            all(threads > 0 for threads in parallelism),
            "tensorflow_session_parallelism sets both tensorflow_intra_op_parallelism and "
            "tensorflow_inter_op_parallelism; leave at least one of the three at 0.",
        ),
        (
            not 0.0 <= settings.per_process_gpu_memory_fraction <= 1.0,
            "per_process_gpu_memory_fraction must lie between 0 and 1; "
            f"was {settings.per_process_gpu_memory_fraction}",
        ),
        (
            _DEVICE.fullmatch(settings.device) is None,
            f"device must be auto, cpu or gpu:N; was {settings.device}",
        ),
    ]


def _check_port(flag: str, port: int | str) -> None:
    if isinstance(port, int) and not 0 <= port <= _MAX_PORT:
        raise InvalidArgument(f"{flag} must be auto or lie between 0 and {_MAX_PORT}; was {port}")
