"""Bearer tokens (RFC 6750), each with the scopes that it admits to."""

from __future__ import annotations

import hmac
from collections.abc import Collection, Mapping

from kernel_server.errors import PermissionDenied, Unauthenticated
from kernel_server.security.scopes import ALL, Scope


class MissingToken(Unauthenticated):
    """The call carries no token at all."""

    def __init__(self) -> None:
        super().__init__(
            "This server asks for a token: send the header (gRPC: metadata) 'Authorization: Bearer <token>'."
        )


class UnknownToken(Unauthenticated):
    """What the call carries is none of the server's tokens."""

    def __init__(self) -> None:
        super().__init__("The Authorization header does not carry a bearer token of this server.")


class MissingScope(PermissionDenied):
    """The token is good, but not for this call."""

    def __init__(self, needed: Scope, given: Collection[Scope]) -> None:
        super().__init__(
            f"This call needs a token with the scope '{needed}'; the one it carries has: "
            f"{', '.join(sorted(given))}."
        )
        self.needed = needed


class Tokens:
    """Secrets, and the scopes that each admits to."""

    def __init__(self, scopes: Mapping[str, frozenset[Scope]]) -> None:
        self.replace(scopes)

    def replace(self, scopes: Mapping[str, frozenset[Scope]]) -> None:
        """Admit these from now on, and no others."""
        self._scopes = {f"Bearer {secret}".encode(): given for secret, given in scopes.items()}
        self.master = next((secret for secret, given in scopes.items() if given == ALL), None)
        """The first that admits to everything, if any does."""

    def check(self, authorization: bytes | None, needed: Scope) -> None:
        """Raise unless the value of an ``Authorization`` header carries a token with the scope ``needed``.

        How long that takes tells nothing about the secrets. Raises :class:`MissingToken`,
        :class:`UnknownToken` or :class:`MissingScope`.
        """
        if authorization is None:
            raise MissingToken
        given = None
        for expected, scopes in self._scopes.items():
            if hmac.compare_digest(authorization, expected):
                given = scopes
        if given is None:
            raise UnknownToken
        if needed not in given:
            raise MissingScope(needed, given)
