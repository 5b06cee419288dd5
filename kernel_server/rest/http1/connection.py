"""One HTTP/1.1 connection of a client: whose turn it is, what is sent, when it ends."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import MutableSet
from typing import cast

from kernel_server.errors import ServingError
from kernel_server.rest.http1.errors import RequestTooSlow
from kernel_server.rest.http1.exchange import Exchange, Reply, Service
from kernel_server.rest.http1.incoming import Incoming
from kernel_server.rest.http1.writing import CLOSE, CONTINUE, head

IDLE_SECONDS = 75.0
"""How long a connection may wait for its next request: longer than balancers keep theirs to a server."""

STALL_SECONDS = 30.0
"""How long a client may take for a head, pause within a body, or read nothing of a reply."""

LINGER_SECONDS = 5.0
"""How long a client that is sent away in the middle of a request may take to read why."""

_NEVER = float("inf")
_COPIED = 64 << 10
"""Bytes up to which a body is copied behind its head, to be sent at one go."""


class Connection(asyncio.Protocol):
    """Hands each whole request to ``service``, one at a time; is in ``register`` while it lasts.

    Requests that come before their turn wait, and nothing is read meanwhile. A client that ends its side
    has left: one that only ended its sending cannot be told from one that is gone.
    """

    _transport: asyncio.Transport

    def __init__(self, service: Service, register: MutableSet[Connection]) -> None:
        self._service = service
        self._register = register
        self._loop = asyncio.get_running_loop()
        self._incoming = Incoming(service, self)
        self._present: Exchange | None = None
        self._waiting: deque[Exchange] = deque()
        self._fault: ServingError | None = None
        self._held = self._leaving = self._over = False
        self._unsent = 0
        self._due = self._loop.time() + IDLE_SECONDS
        self.closed: asyncio.Future[None] = self._loop.create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """A client has connected."""
        self._transport = cast(asyncio.Transport, transport)
        self._register.add(self)

    def connection_lost(self, exc: Exception | None) -> None:
        """Nobody is left to answer."""
        self._over = self._incoming.closed = True
        self._register.discard(self)
        self._waiting.clear()
        if self._present is not None:
            self._present.gone()
        self.closed.set_result(None)

    def data_received(self, data: bytes) -> None:
        """Take in whatever has arrived."""
        incoming = self._incoming
        in_head = incoming.in_head
        incoming.read(data)
        if incoming.begun and self._present is None and not (in_head and incoming.in_head):
            self._due = self._loop.time() + STALL_SECONDS

    @property
    def reading(self) -> bool:
        """Whether a request has come in part."""
        return self._incoming.begun

    def pause_writing(self) -> None:
        """The client does not read what it is sent."""
        self._held = True
        self._unsent = self._transport.get_write_buffer_size()
        self._due = self._loop.time() + STALL_SECONDS

    def resume_writing(self) -> None:
        """The client reads again."""
        self._held = False
        self._due = self._loop.time() + IDLE_SECONDS
        self._next()

    def receive(self, exchange: Exchange) -> None:
        """A request is whole: begin it, or let it wait for its turn."""
        if self._present is None and not (self._waiting or self._held):
            self._begin(exchange)
        else:
            self._waiting.append(exchange)
            self._transport.pause_reading()

    def invite(self) -> None:
        """Tell a client that waits for it to send the body, as curl does before large ones."""
        if self._present is None:
            self._transport.write(CONTINUE)

    def refuse(self, error: ServingError) -> None:
        """Tell the client what is wrong once everything before is answered, then send it away."""
        self._fault = error
        if self._present is None:
            self._next()

    def send(self, exchange: Exchange, reply: Reply) -> None:
        """Answer the present request."""
        self._due = self._loop.time() + IDLE_SECONDS
        ending = CLOSE if self._leaving else exchange.ending
        self._write(reply, ending, with_body=exchange.method != "HEAD")
        if ending is CLOSE:
            self._close()
            return
        self._present = None
        if self._waiting or self._fault:
            self._loop.call_soon(self._next)

    def expire(self, now: float) -> None:
        """Send away a client that has kept the server waiting; to be called every few seconds."""
        if now < self._due:
            return
        if self._held or self._over:
            self._abort_unless_reading(now)
        elif self._incoming.begun:
            self._incoming.refuse(RequestTooSlow(STALL_SECONDS))
        else:
            self._close()

    def leave(self) -> None:
        """Take no more requests; close when the present one is answered."""
        self._leaving = True
        if self._present is None and not (self._waiting or self._incoming.begun):
            self._close()

    def abort(self) -> None:
        """Close at once."""
        self._transport.abort()

    def _begin(self, exchange: Exchange) -> None:
        self._present = exchange
        self._due = _NEVER
        self._service.begin(exchange)

    def _next(self) -> None:
        """Go on with what has come meanwhile."""
        if self._over or self._held or self._present is not None:
            return
        if self._waiting:
            exchange = self._waiting.popleft()
            if not self._waiting:
                self._transport.resume_reading()
            self._begin(exchange)
        elif self._fault is not None:
            self._send_away(self._fault)

    def _send_away(self, error: ServingError) -> None:
        """Refuse a request whose rest is on its way: closed now, the client could not read why."""
        self._write(self._service.refusal(error), CLOSE)
        if not self._transport.can_write_eof():
            self._close()
            return
        self._over = True
        self._due = self._loop.time() + LINGER_SECONDS
        self._transport.write_eof()

    def _write(self, reply: Reply, ending: bytes, *, with_body: bool = True) -> None:
        body = reply.body if with_body else b""
        if len(body) <= _COPIED:
            self._transport.write(head(reply, ending) + body)
        else:
            self._transport.write(head(reply, ending))
            self._transport.write(body)

    def _abort_unless_reading(self, now: float) -> None:
        unsent = self._transport.get_write_buffer_size()
        if unsent and unsent < self._unsent:
            self._unsent, self._due = unsent, now + STALL_SECONDS
        else:
            self.abort()

    def _close(self) -> None:
        """Close once everything is sent."""
        self._over = self._incoming.closed = True
        self._unsent = self._transport.get_write_buffer_size()
        self._due = self._loop.time() + STALL_SECONDS
        self._transport.close()
