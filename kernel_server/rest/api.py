"""What the face needs of an API: the calls under one first segment of a path, such as ``/v1/``."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple, Protocol

from kernel_server.rest.http1.exchange import Exchange, Reply

Answer = Callable[[Reply | Exception], None]
"""Is told how a call ends, once: a :class:`ServingError` becomes its status, anything else a defect."""

GiveUp = Callable[[], None]
"""To be called when the client has left; does nothing once the call has ended."""

Begin = Callable[[Exchange, Answer], GiveUp | None]
"""Begins to answer a call. May raise instead of telling the answer."""


class Found(NamedTuple):
    """What a request asks for: a call by its name in ``security.scopes``, about a model or none (empty)."""

    call: str
    model: str
    begin: Begin


class Api(Protocol):
    """Finds calls by their paths."""

    def route(self, method: str, path: str) -> Found:
        """What a request asks for.

        ``path`` is percent-encoded as sent, without its query. Raises a :class:`ServingError`.
        """
