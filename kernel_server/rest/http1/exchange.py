"""One request and the one place where its reply is given."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import NamedTuple, Protocol

from kernel_server.errors import ServingError

Fields = tuple[tuple[str, str], ...]
Headers = Mapping[bytes, bytes]
"""Header values by name in lower case; those of a name that comes several times are joined by commas."""

JSON: Fields = (("Content-Type", "application/json"),)
TEXT: Fields = (("Content-Type", "text/plain; charset=utf-8"),)


class Reply(NamedTuple):
    """What a request is answered; its length and the connection's headers are added on sending."""

    body: bytes
    status: int = 200
    headers: Fields = JSON


class Sender(Protocol):
    """The connection as its exchanges see it."""

    def send(self, exchange: Exchange, reply: Reply) -> None:
        """Answer ``exchange``, which is the one that the client waits for."""


class Exchange:
    """A request of a client: :meth:`reply` to it once, now or later.

    ``path`` is as sent, percent-encoded and without its query. ``body`` is whole when the request is
    handed over. ``on_gone`` runs when the client has left before its reply.
    """

    __slots__ = ("_sender", "body", "ending", "headers", "method", "on_gone", "path")

    def __init__(self, sender: Sender, method: str, path: str, headers: Headers, ending: bytes) -> None:
        self._sender: Sender | None = sender
        self.method = method
        self.path = path
        self.headers = headers
        self.ending = ending
        """How the head of the reply ends, which says whether the connection goes on."""
        self.body = b""
        self.on_gone: Callable[[], None] | None = None

    @property
    def awaited(self) -> bool:
        """Whether the client still waits for its reply."""
        return self._sender is not None

    def reply(self, reply: Reply) -> bool:
        """Answer the request; false when nobody waits any more."""
        sender, self._sender, self.on_gone = self._sender, None, None
        if sender is None:
            return False
        sender.send(self, reply)
        return True

    def gone(self) -> None:
        """The client has left."""
        on_gone, self._sender, self.on_gone = self.on_gone, None, None
        if on_gone is not None:
            on_gone()


class Service(Protocol):
    """What a connection's requests are handed to."""

    most_bytes: int
    """What a body may have."""

    def admit(self, exchange: Exchange) -> None:
        """Raise a :class:`ServingError` when a large body is not worth reading."""

    def begin(self, exchange: Exchange) -> None:
        """Answer a whole request, now or later; must not raise."""

    def refusal(self, error: ServingError) -> Reply:
        """The reply that tells a client of ``error``."""
