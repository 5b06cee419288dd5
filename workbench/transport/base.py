"""What every transport offers."""

from __future__ import annotations

from typing import Protocol

from workbench.transport.headers import Headers


class Transport(Protocol):
    """Sends one call and waits for the answer. May be used from any thread."""

    def send(self, path: str, body: bytes | None, timeout: float, headers: Headers = ()) -> bytes:
        """The answer's bytes.

        Raises :class:`~workbench.errors.RequestFailed` after ``timeout`` seconds or with the server's error.
        """

    def close(self) -> None:
        """Give the connection back. No call follows."""


class AsyncTransport(Protocol):
    """The same for one event loop."""

    async def send(self, path: str, body: bytes | None, timeout: float, headers: Headers = ()) -> bytes:
        """The answer's bytes.

        Raises :class:`~workbench.errors.RequestFailed` after ``timeout`` seconds or with the server's error.
        """

    async def close(self) -> None:
        """Give the connection back. No call follows."""
