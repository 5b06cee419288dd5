"""TLS for both faces."""

from __future__ import annotations

import ssl
from pathlib import Path
from tempfile import TemporaryDirectory

from kernel_server.config.ssl import SslConfig, read_ssl_config
from kernel_server.errors import InvalidArgument


class UnusableCertificate(InvalidArgument):
    """Key, certificate and authority do not make a TLS server."""

    def __init__(self, path: Path, error: Exception) -> None:
        super().__init__(
            f"--ssl_config_file={path}: {error}. server_key and server_cert must be a matching pair, and "
            "custom_ca a certificate, each as PEM text"
        )


def server_context(config_file: Path, protocol: str) -> ssl.SSLContext:
    """What a text ``SSLConfig`` says: key and certificate, and with ``client_verify`` who may connect.

    ``protocol`` is what the connections speak, by its name in ALPN: ``h2`` or ``http/1.1``. Raises
    ``InvalidArgument`` when the file does not parse, or :class:`UnusableCertificate`.
    """
    config = read_ssl_config(config_file)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_alpn_protocols([protocol])
    try:
        _load_pair(context, config)
        if config.custom_ca:
            context.load_verify_locations(cadata=config.custom_ca)
        elif config.client_verify:
            context.load_default_certs(ssl.Purpose.CLIENT_AUTH)
    except (ssl.SSLError, OSError, ValueError) as error:
        raise UnusableCertificate(config_file, error) from error
    if config.client_verify:
        context.verify_mode = ssl.CERT_REQUIRED
    return context


def _load_pair(context: ssl.SSLContext, config: SslConfig) -> None:
    # Python reads keys from files only; the folder is readable by this user alone and soon gone.
    with TemporaryDirectory() as folder:
        key, certificate = Path(folder, "key.pem"), Path(folder, "certificate.pem")
        key.write_text(config.server_key)
        certificate.write_text(config.server_cert)
        context.load_cert_chain(certificate, key)
