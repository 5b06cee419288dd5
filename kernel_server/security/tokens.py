"""Bearer tokens (RFC 6750)."""

from __future__ import annotations

import hmac
from pathlib import Path

from kernel_server.errors import InvalidArgument, NotFound


class Token:
    """The one secret that admits a caller."""

    def __init__(self, secret: str) -> None:
        self.secret = secret
        self._expected = f"Bearer {secret}".encode()

    @classmethod
    def read(cls, path: Path) -> Token:
        """The token in a file, without the white space around it.

        Raises ``NotFound`` or, when it holds nothing, ``InvalidArgument``.
        """
        try:
            secret = path.read_text().strip()
        except OSError as error:
            raise NotFound(f"--token_file={path} cannot be read: {error.strerror}") from error
        if not secret:
            raise InvalidArgument(f"--token_file={path} is empty: write a token of at least 16 characters")
        return cls(secret)

    def admits(self, authorization: str | bytes | None) -> bool:
        """Whether the value of an ``Authorization`` header carries the token; takes constant time."""
        if authorization is None:
            return False
        sent = authorization if isinstance(authorization, bytes) else authorization.encode()
        return hmac.compare_digest(sent, self._expected)
