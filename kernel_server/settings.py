"""Everything the server can be told at its start: one field here is one command-line flag.

Names, defaults and meanings are those of ``tensorflow_model_server``, except for the groups
``Process`` and ``Access``, which are additions, and the port ``auto``.
"""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from functools import partial
from pathlib import Path
from typing import Literal

from kernel_server import settings_checks

Port = int | Literal["auto"]
"""A TCP port, 0 for none, or ``auto``: the operating system chooses and the server reports which."""

Lifetime = Literal["kernel", "session", "detached"]
"""Whose end is to end the server; a detached one only ends when stopped."""


def _flag(group: str, help: str) -> dict[str, str]:
    return {"group": group, "help": help}


_network = partial(_flag, "Network")
_models = partial(_flag, "Models")
_loading = partial(_flag, "Loading")
_batching = partial(_flag, "Batching")
_tensorflow = partial(_flag, "TensorFlow")
_requests = partial(_flag, "Requests")
_access = partial(_flag, "Access")
_process = partial(_flag, "Process")


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """The server's configuration, complete and unchanging; :meth:`validate` checks it as a whole.

    The metadata of each field holds the ``group`` and ``help`` of its flag.
    """

    host: str = field(default="0.0.0.0", metadata=_network("address that the TCP ports listen on (ours)"))
    port: Port = field(default=8500, metadata=_network("gRPC port; 0: none, auto: chosen by the system"))
    grpc_socket_path: Path | None = field(
        default=None, metadata=_network("also serve gRPC on this Unix socket")
    )
    grpc_channel_arguments: str = field(
        default="", metadata=_network("key=value,key=value; of these grpc.max_receive_message_length counts")
    )
    grpc_front_ends: int = field(
        default=0,
        metadata=_network("processes that speak HTTP/2 on the gRPC port for this one; 0: itself (ours)"),
    )
    ssl_config_file: Path | None = field(default=None, metadata=_network("text SSLConfig: TLS for gRPC"))
    use_alts_credentials: bool = field(default=False, metadata=_network("has no effect; ALTS is not offered"))
    rest_api_port: Port = field(
        default=0, metadata=_network("REST port; 0: none, auto: chosen by the system")
    )
    rest_api_ssl: bool = field(
        default=False, metadata=_network("TLS for REST too, as ssl_config_file says (ours)")
    )
    rest_api_timeout_in_ms: int = field(default=30_000, metadata=_network("longest run of a REST call"))
    rest_api_enable_cors_support: bool = field(
        default=False, metadata=_network("CORS headers on REST replies")
    )

    model_name: str = field(
        default="default", metadata=_models("name of the only model; not used with model_config_file")
    )
    model_base_path: str = field(
        default="", metadata=_models("absolute path of the only model's version folders")
    )
    model_config_file: Path | None = field(
        default=None, metadata=_models("text ModelServerConfig: many models")
    )
    model_config_file_poll_wait_seconds: int = field(
        default=0, metadata=_models("seconds between readings of model_config_file; 0: only at the start")
    )
    allow_version_labels_for_unavailable_models: bool = field(
        default=False, metadata=_models("let a new label name a version that is not available yet")
    )
    platform_config_file: Path | None = field(
        default=None, metadata=_models("text PlatformConfigMap; replaces the flags of batching and warm-up")
    )

    file_system_poll_wait_seconds: int = field(
        default=1, metadata=_loading("seconds between looks for new versions; 0: one look, negative: none")
    )
    source: str = field(
        default="file_system", metadata=_loading("where versions come from: an entry point's name (ours)")
    )
    version_policy: str = field(
        default="availability_preserving",
        metadata=_loading("how versions are swapped: resource_preserving or an entry point's name (ours)"),
    )
    isolated_models: str = field(
        default="",
        metadata=_loading("models whose versions run in processes of their own: names a,b or all (ours)"),
    )
    num_load_threads: int = field(
        default=0, metadata=_loading("versions that load at once; 0: one after the other")
    )
    num_unload_threads: int = field(
        default=0, metadata=_loading("versions that unload at once; 0: one after the other")
    )
    max_num_load_retries: int = field(default=5, metadata=_loading("further attempts after a failed load"))
    load_retry_interval_micros: int = field(
        default=60_000_000, metadata=_loading("pause between attempts; negative: none")
    )
    saved_model_tags: str = field(
        default="serve", metadata=_loading("tags of the graph to load, separated by commas")
    )
    skops_trusted_types: str = field(
        default="",
        metadata=_loading("types that scikit-learn models may hold beyond what skops trusts, a,b (ours)"),
    )
    prefer_tflite_model: bool = field(
        default=False, metadata=_loading("load model.tflite of a folder that holds saved_model.pb, too")
    )
    num_tflite_pools: int = field(
        default=0, metadata=_loading("interpreters of each TFLite model; 0: as many as processors")
    )
    enable_model_warmup: bool = field(
        default=True, metadata=_loading("replay a version's recorded requests before it serves")
    )
    num_request_iterations_for_warmup: int = field(
        default=0, metadata=_loading("replays of each; used when positive")
    )

    enable_batching: bool = field(default=False, metadata=_batching("gather requests into batches"))
    batching_parameters_file: Path | None = field(
        default=None, metadata=_batching("text BatchingParameters for all models")
    )
    enable_per_model_batching_parameters: bool = field(
        default=False,
        metadata=_batching("batch each version by the batching_params.pbtxt in its folder, or not at all"),
    )

    device: str = field(default="auto", metadata=_tensorflow("auto, cpu or gpu:N (ours)"))
    per_process_gpu_memory_fraction: float = field(
        default=0.0,
        metadata=_tensorflow("share of GPU memory for each process (isolated_models); 0: as needed"),
    )
    tensorflow_session_parallelism: int = field(
        default=0, metadata=_tensorflow("threads within and between ops; 0: auto")
    )
    tensorflow_intra_op_parallelism: int = field(
        default=0, metadata=_tensorflow("threads within an op; 0: auto")
    )
    tensorflow_inter_op_parallelism: int = field(
        default=0, metadata=_tensorflow("ops that run at once; 0: auto")
    )
    tensorflow_session_config_file: Path | None = field(
        default=None, metadata=_tensorflow("text ConfigProto; the flags of this group come before it")
    )

    enable_signature_method_name_check: bool = field(
        default=False, metadata=_requests("insist on signature method names")
    )
    enable_serialization_as_tensor_content: bool = field(
        default=False, metadata=_requests("answer tensors as raw bytes")
    )
    monitoring_config_file: Path | None = field(
        default=None, metadata=_requests("text MonitoringConfig; needs a REST port")
    )
    request_log_dc: str = field(
        default="", metadata=_requests("dc of this server in per_task_sampling_configs (ours)")
    )
    request_log_task_index: int = field(
        default=0, metadata=_requests("task_index of this server there (ours)")
    )

    token_file: Path | None = field(
        default=None, metadata=_access("calls must carry a bearer token of this file; lines: [scopes] token")
    )

    name: str = field(default="", metadata=_process("the server's name in lists, logs and its process title"))
    state_file: Path | None = field(default=None, metadata=_process("written when ready, removed at the end"))
    log_file: Path | None = field(
        default=None, metadata=_process("where this server's output goes, as told in the state file")
    )
    fingerprint: str = field(
        default="", metadata=_process("the starter's digest of the configuration, kept in the state file")
    )
    lifetime: Lifetime = field(
        default="detached", metadata=_process("what ends the server: kernel, session or detached")
    )
    owner_pid: int | None = field(default=None, metadata=_process("process whose end ends the server"))
    owner_start_time: float | None = field(
        default=None, metadata=_process("when that process started, in epoch seconds")
    )
    owner_timeout_seconds: float = field(default=60.0, metadata=_process("how long to outlive the owner"))
    idle_timeout_seconds: float = field(
        default=0.0, metadata=_process("end after so long without a request; 0: never")
    )
    drain_timeout_seconds: float = field(
        default=30.0, metadata=_process("time that running requests get at the end")
    )

    @property
    def model_tags(self) -> tuple[str, ...]:
        """The single tags of ``saved_model_tags``."""
        return tuple(tag.strip() for tag in self.saved_model_tags.split(",") if tag.strip())

    def flags(self) -> list[str]:
        """A command line that says the same."""
        values = {flag.name: (getattr(self, flag.name), flag.default) for flag in fields(self)}
        return [
            f"--{name}={str(value).lower() if isinstance(value, bool) else value}"
            for name, (value, default) in values.items()
            if value != default
        ]

    def validate(self) -> None:
        """Raise :class:`~kernel_server.errors.InvalidArgument` for settings no server can start with.

        Files are not read here. The first messages are those of ``tensorflow_model_server``.
        """
        settings_checks.validate(self)

    def idle_flags(self) -> list[str]:
        """What is set and, as the other settings are, changes nothing: one line each."""
        return settings_checks.idle_flags(self)
