"""Bearer tokens."""

from __future__ import annotations

from pathlib import Path

import pytest

from kernel_server.errors import InvalidArgument, NotFound
from kernel_server.security.tokens import Token


@pytest.mark.parametrize("sent", ["Bearer secret", b"Bearer secret"])
def test_admits_its_bearer(sent: str | bytes) -> None:
    assert Token("secret").admits(sent)


@pytest.mark.parametrize(
    "sent", [None, "", "secret", "Bearer", "Bearer secre", "Bearer secrets", "Basic secret", "Bearer \xe9"]
)
def test_admits_nobody_else(sent: str | None) -> None:
    assert not Token("secret").admits(sent)


def test_a_file_is_read_without_its_white_space(tmp_path: Path) -> None:
    (tmp_path / "token").write_text("  secret\n")
    assert Token.read(tmp_path / "token").secret == "secret"


def test_files_that_hold_none(tmp_path: Path) -> None:
    with pytest.raises(NotFound, match="cannot be read: No such file"):
        Token.read(tmp_path / "token")
    (tmp_path / "token").write_text(" \n")
    with pytest.raises(InvalidArgument, match="is empty"):
        Token.read(tmp_path / "token")
