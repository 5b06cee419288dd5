"""TLS for gRPC."""

from __future__ import annotations

from pathlib import Path

import grpc

from kernel_server.config.ssl import read_ssl_config


def server_credentials(config_file: Path) -> grpc.ServerCredentials:
    """What a text ``SSLConfig`` says: key and certificate, and with ``client_verify`` who may connect.

    Raises ``InvalidArgument`` when the file does not parse.
    """
    config = read_ssl_config(config_file)
    return grpc.ssl_server_credentials(
        [(config.server_key.encode(), config.server_cert.encode())],
        root_certificates=config.custom_ca.encode() or None,
        require_client_auth=config.client_verify,
    )
