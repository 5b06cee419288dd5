"""The file that lists the server's tokens, read at the start and again while it changes."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping
from pathlib import Path

from kernel_server.errors import InvalidArgument, NotFound, ServingError
from kernel_server.security.scopes import ALL, Scope
from kernel_server.security.tokens import Tokens

PERIOD = 1.0
"""Seconds between two readings: what is revoked should not be good for long."""

_log = logging.getLogger(__name__)


class MalformedTokenFile(InvalidArgument):
    """The file does not say which tokens there are."""

    def __init__(self, path: Path, reason: str) -> None:
        super().__init__(
            f"--token_file={path} {reason}: write a line '<token>' for a token that admits to everything, or "
            f"'<scopes> <token>' with any of {', '.join(Scope)} as scopes, separated by commas"
        )


class TokenFile:
    """One token a line, after its scopes unless it has them all; ``#`` begins a comment line.

    Raises ``NotFound`` or :class:`MalformedTokenFile`.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._listed = _read(path)
        self.tokens = Tokens(self._listed)

    async def watch(self, changed: Callable[[], None], period: float = PERIOD) -> None:
        """Look every ``period`` seconds; what cannot be read is logged, and the old tokens stay."""
        complaint = ""
        while True:
            await asyncio.sleep(period)
            try:
                listed = _read(self._path)
            except ServingError as error:
                if error.message != complaint:
                    _log.error("%s; the tokens in force stay", error.message)
                complaint = error.message
                continue
            complaint = ""
            if listed != self._listed:
                self._listed = listed
                self.tokens.replace(listed)
                changed()
                _log.info("%s: %d tokens are in force now", self._path, len(listed))


def _read(path: Path) -> Mapping[str, frozenset[Scope]]:
    try:
        lines = path.read_text().splitlines()
    except OSError as error:
        raise NotFound(f"--token_file={path} cannot be read: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise MalformedTokenFile(path, "is no UTF-8 text") from error
    listed: dict[str, frozenset[Scope]] = {}
    for number, line in enumerate(lines, start=1):
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        secret, scopes = _parse(line)
        if secret is None:
            raise MalformedTokenFile(path, f"cannot be understood in line {number}")
        if secret in listed:
            raise MalformedTokenFile(path, f"repeats a token in line {number}")
        listed[secret] = scopes
    if not listed:
        raise MalformedTokenFile(path, "holds no token")
    return listed


def _parse(line: str) -> tuple[str | None, frozenset[Scope]]:
    """The token in a line and its scopes; ``None`` when the line is something else."""
    match line.split():
        case [secret]:
            return secret, ALL
        case [names, secret] if set(names.split(",")) <= set(Scope):
            return secret, frozenset(map(Scope, names.split(",")))
    return None, frozenset()
