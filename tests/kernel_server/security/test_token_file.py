"""The file of tokens: what it may say, and how it is followed."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from support.servers import until

from kernel_server.errors import NotFound
from kernel_server.security.scopes import Scope
from kernel_server.security.token_file import MalformedTokenFile, TokenFile
from kernel_server.security.tokens import MissingScope, Tokens, UnknownToken


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "tokens"


def scopes_of(tokens: Tokens, secret: str) -> set[Scope]:
    found = set()
    for scope in Scope:
        try:
            tokens.check(f"Bearer {secret}".encode(), scope)
        except MissingScope:
            continue
        found.add(scope)
    return found


def test_one_token_alone_admits_to_everything(path: Path) -> None:
    path.write_text("  secret\n")
    tokens = TokenFile(path).tokens
    assert (tokens.master, scopes_of(tokens, "secret")) == ("secret", set(Scope))


def test_scopes_stand_before_their_token(path: Path) -> None:
    path.write_text("# who asks\ninfer,metrics  one\n\nadmin\ttwo\n   # the rest\nthree")
    tokens = TokenFile(path).tokens
    assert scopes_of(tokens, "one") == {Scope.INFER, Scope.METRICS}
    assert scopes_of(tokens, "two") == {Scope.ADMIN}
    assert (tokens.master, scopes_of(tokens, "three")) == ("three", set(Scope))


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "holds no token"),
        (" \n# nothing\n", "holds no token"),
        ("infer a\nroot b", "cannot be understood in line 2"),
        ("infer, metrics a", "cannot be understood in line 1"),
        ("infer,, a", "cannot be understood in line 1"),
        ("infer a b", "cannot be understood in line 1"),
        ("a\ninfer a", "repeats a token in line 2"),
        ("\xff", "is no UTF-8 text"),
    ],
)
def test_what_else_it_may_not_hold(path: Path, text: str, reason: str) -> None:
    path.write_text(text, encoding="latin-1")
    with pytest.raises(MalformedTokenFile, match=f"--token_file={path} {reason}: write a line '<token>'"):
        TokenFile(path)


def test_a_file_that_is_not_there(path: Path) -> None:
    with pytest.raises(NotFound, match="cannot be read: No such file"):
        TokenFile(path)


async def test_it_is_followed(path: Path, caplog: pytest.LogCaptureFixture) -> None:
    path.write_text("old")
    file, changes = TokenFile(path), asyncio.Queue[None]()
    watching = asyncio.create_task(file.watch(lambda: changes.put_nowait(None), period=0.001))
    path.write_text("root new")
    await asyncio.to_thread(until, lambda: bool(caplog.records), "the file is read again")
    assert caplog.messages[0].endswith("the tokens in force stay")
    assert scopes_of(file.tokens, "old") == set(Scope)
    path.write_text("infer new")
    await changes.get()
    assert (file.tokens.master, scopes_of(file.tokens, "new")) == (None, {Scope.INFER})
    with pytest.raises(UnknownToken):
        file.tokens.check(b"Bearer old", Scope.INFER)
    watching.cancel()
