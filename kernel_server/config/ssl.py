"""Keys and certificates of the gRPC port, from a text-proto file."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from kernel_server.config.config_files_pb2 import SSLConfig as SslProto
from kernel_server.config.text_format import read_text_proto


@dataclass(frozen=True, slots=True)
class SslConfig:
    """PEM texts; an empty ``custom_ca`` means the system's. With ``client_verify`` clients need one too."""

    server_key: str = field(repr=False)
    server_cert: str
    custom_ca: str
    client_verify: bool


def read_ssl_config(path: Path) -> SslConfig:
    """The TLS configuration in ``path``.

    Raises :class:`~kernel_server.config.text_format.InvalidTextProto`.
    """
    proto = read_text_proto(path, SslProto)
    return SslConfig(proto.server_key, proto.server_cert, proto.custom_ca, proto.client_verify)
