"""Bearer tokens and their scopes."""

from __future__ import annotations

import pytest

from kernel_server.security.scopes import ALL, Scope
from kernel_server.security.tokens import MissingScope, MissingToken, Tokens, UnknownToken

TOKENS = Tokens(
    {"asks": frozenset({Scope.INFER}), "root": ALL, "reads": frozenset(set(Scope) - {Scope.ADMIN})}
)


@pytest.mark.parametrize(
    ("secret", "scope"),
    [("asks", Scope.INFER), ("reads", Scope.METRICS), *(("root", scope) for scope in Scope)],
)
def test_a_token_admits_to_its_scopes(secret: str, scope: Scope) -> None:
    TOKENS.check(f"Bearer {secret}".encode(), scope)


@pytest.mark.parametrize(
    "sent", [b"", b"asks", b"Bearer", b"Bearer ask", b"Bearer askss", b"Basic asks", b"Bearer \xe9"]
)
def test_what_is_no_token_admits_to_nothing(sent: bytes) -> None:
    with pytest.raises(UnknownToken):
        TOKENS.check(sent, Scope.INFER)


def test_without_any() -> None:
    with pytest.raises(MissingToken, match="'Authorization: Bearer <token>'"):
        TOKENS.check(None, Scope.INFER)


def test_the_refusal_names_the_scope_that_is_missing() -> None:
    with pytest.raises(MissingScope, match="the scope 'admin'; the one it carries has: infer, metrics"):
        TOKENS.check(b"Bearer reads", Scope.ADMIN)


def test_the_master_admits_to_everything() -> None:
    assert TOKENS.master == "root"
    assert Tokens({"asks": frozenset({Scope.INFER})}).master is None


def test_replacing_revokes() -> None:
    tokens = Tokens({"old": ALL})
    tokens.replace({"new": ALL})
    tokens.check(b"Bearer new", Scope.ADMIN)
    with pytest.raises(UnknownToken):
        tokens.check(b"Bearer old", Scope.ADMIN)
