"""What an ``--ssl_config_file`` becomes, tried with real handshakes in memory."""

from __future__ import annotations

import ssl
from pathlib import Path

import pytest
from support.certificates import Authority, Pair, make_authority

from kernel_server.config.text_format import InvalidTextProto
from kernel_server.security.tls import UnusableCertificate, server_context


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return make_authority(tmp_path_factory.mktemp("certificates"))


def handshake(server: ssl.SSLContext, authority: Authority, own: Pair | None = None) -> ssl.SSLObject:
    """Connect a client of the authority, with or without a certificate; raises what the handshake raises."""
    client = ssl.create_default_context(cafile=str(authority.certificate))
    client.set_alpn_protocols(["h2"])
    if own is not None:
        client.load_cert_chain(own.certificate, own.key)
    to_server, to_client = ssl.MemoryBIO(), ssl.MemoryBIO()
    ends = [
        client.wrap_bio(to_client, to_server, server_hostname="localhost"),
        server.wrap_bio(to_server, to_client, server_side=True),
    ]
    unfinished = list(ends)
    while unfinished:
        end = unfinished.pop(0)
        try:
            end.do_handshake()
        except ssl.SSLWantReadError:
            unfinished.append(end)
    return ends[0]


def config_file(folder: Path, authority: Authority, *, client_verify: bool) -> Path:
    file = folder / "ssl.txt"
    file.write_text(authority.ssl_config(client_verify=client_verify))
    return file


def test_a_client_that_trusts_the_authority_gets_http2(authority: Authority, tmp_path: Path) -> None:
    context = server_context(config_file(tmp_path, authority, client_verify=False), "h2")
    connected = handshake(context, authority)
    assert connected.selected_alpn_protocol() == "h2"
    assert connected.version() in ("TLSv1.2", "TLSv1.3")


def test_with_client_verify_a_certificate_is_needed(authority: Authority, tmp_path: Path) -> None:
    context = server_context(config_file(tmp_path, authority, client_verify=True), "h2")
    handshake(context, authority, authority.client)
    with pytest.raises(ssl.SSLError, match="PEER_DID_NOT_RETURN_A_CERTIFICATE"):
        handshake(context, authority)


def test_a_certificate_of_another_authority_does_not_do(
    authority: Authority, tmp_path: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    context = server_context(config_file(tmp_path, authority, client_verify=True), "h2")
    stranger = make_authority(tmp_path_factory.mktemp("other")).client
    with pytest.raises(ssl.SSLError, match="CERTIFICATE_VERIFY_FAILED"):
        handshake(context, authority, stranger)


def test_a_key_that_does_not_fit_the_certificate(authority: Authority, tmp_path: Path) -> None:
    mixed = Authority(
        authority.certificate, Pair(authority.client.key, authority.server.certificate), authority.client
    )
    file = config_file(tmp_path, mixed, client_verify=False)
    with pytest.raises(UnusableCertificate, match=rf"--ssl_config_file={file}: .*must be a matching pair"):
        server_context(file, "h2")


def test_no_certificates_at_all(tmp_path: Path) -> None:
    file = tmp_path / "ssl.txt"
    file.write_text('server_key: "no key" server_cert: ""')
    with pytest.raises(UnusableCertificate):
        server_context(file, "h2")


def test_a_typo(tmp_path: Path) -> None:
    file = tmp_path / "ssl.txt"
    file.write_text('sever_key: ""')
    with pytest.raises(InvalidTextProto, match="sever_key"):
        server_context(file, "h2")
