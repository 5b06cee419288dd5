"""Finds the method of a call and checks the caller's bearer token."""

from __future__ import annotations

import asyncio
from collections.abc import Collection

from kernel_server.errors import ServingError, Unimplemented
from kernel_server.http2.headers import Headers, write_headers
from kernel_server.http2.stream import IGNORED, Answering, Exchange
from kernel_server.rpc.call import Call, Conversation, refused
from kernel_server.rpc.framing import MessageTooLarge
from kernel_server.rpc.methods import Begin, Methods
from kernel_server.security.scopes import needed
from kernel_server.security.tokens import Tokens
from kernel_server.turns import Turns

_UNSUPPORTED_MEDIA_TYPE = write_headers([(b":status", b"415"), (b"content-length", b"0")])


class Router:
    """Makes the call of every stream.

    Calls with one request are begun in ``turns``. With ``tokens`` a call needs one with the scope of its
    method. ``conversations`` names the methods that take several requests; a message may have ``most_bytes``.
    """

    def __init__(
        self,
        methods: Methods,
        tokens: Tokens | None,
        turns: Turns,
        *,
        conversations: Collection[str],
        most_bytes: int,
    ) -> None:
        self._methods = {name.encode(): begin for name, begin in methods.items()}
        self._tokens = tokens
        self._scopes = {name.encode(): needed(name) for name in methods}
        self._conversations = {name.encode() for name in conversations}
        self._most_bytes = most_bytes
        self._turns = turns
        self._loop = asyncio.get_running_loop()

    def accept(self, stream: Answering, headers: Headers) -> Exchange:
        """The call that a new stream carries; one that cannot be served fails before its request is read."""
        if not headers.get(b"content-type", b"").startswith(b"application/grpc"):
            stream.finish(_UNSUPPORTED_MEDIA_TYPE)
            return IGNORED
        path = headers.get(b":path", b"")
        try:
            begin = self._begin_for(path, headers)
        except ServingError as error:
            return refused(stream, error)
        kind = Conversation if path in self._conversations else Call
        return kind(stream, headers, begin, self._loop, self._turns, self._most_bytes)

    def check(self, headers: Headers, size: int) -> None:
        """Raise what keeps a call with these headers and a message of this size from being answered."""
        self._begin_for(headers.get(b":path", b""), headers)
        if size > self._most_bytes:
            raise MessageTooLarge(size, self._most_bytes)

    def _begin_for(self, path: bytes, headers: Headers) -> Begin:
        begin = self._methods.get(path)
        if begin is None:
            raise Unimplemented(f"Method not found: {path.decode(errors='replace')}")
        scope = self._scopes[path]
        if self._tokens is not None and scope is not None:
            self._tokens.check(headers.get(b"authorization"), scope)
        return begin
