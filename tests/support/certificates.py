"""Certificates for tests, made on the spot."""

from __future__ import annotations

import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest


@dataclass(frozen=True)
class Pair:
    """A private key and its certificate."""

    key: Path
    certificate: Path


@dataclass(frozen=True)
class Authority:
    """A certificate authority, and what it has signed for ``localhost`` and for one client."""

    certificate: Path
    server: Pair
    client: Pair

    def ssl_config(self, *, client_verify: bool) -> str:
        """The text of an ``--ssl_config_file``."""
        lines = [
            f"server_key: {_quoted(self.server.key)}",
            f"server_cert: {_quoted(self.server.certificate)}",
            f"custom_ca: {_quoted(self.certificate)}",
            f"client_verify: {str(client_verify).lower()}",
        ]
        return "\n".join(lines)


def make_authority(folder: Path) -> Authority:
    """An authority with a server and a client; skips the test on a machine without ``openssl``."""
    if shutil.which("openssl") is None:
        pytest.skip("no openssl on this machine to make certificates with")
    own = _self_signed(folder / "authority")
    return Authority(own.certificate, _signed(folder / "server", own), _signed(folder / "client", own))


def _self_signed(stem: Path) -> Pair:
    pair = Pair(stem.with_suffix(".key"), stem.with_suffix(".pem"))
    _openssl("req", "-x509", *_new_key(pair.key), "-subj", f"/CN={stem.name}", "-out", str(pair.certificate))
    return pair


def _signed(stem: Path, authority: Pair) -> Pair:
    pair, request = Pair(stem.with_suffix(".key"), stem.with_suffix(".pem")), stem.with_suffix(".csr")
    extensions = stem.with_suffix(".ext")
    extensions.write_text("subjectAltName=DNS:localhost,IP:127.0.0.1\n")
    _openssl("req", *_new_key(pair.key), "-subj", f"/CN={stem.name}", "-out", str(request))
    signer = ["-CA", str(authority.certificate), "-CAkey", str(authority.key), "-CAcreateserial"]
    _openssl(
        "x509", "-req", "-in", request, *signer, "-extfile", str(extensions), "-out", str(pair.certificate)
    )
    return pair


def _new_key(path: Path) -> list[str]:
    return ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-keyout", str(path)]


def _openssl(*arguments: str) -> None:
    subprocess.run(["openssl", *arguments], check=True, capture_output=True)


def _quoted(path: Path) -> str:
    return '"' + path.read_text().replace("\n", "\\n") + '"'
