"""One call on its way through the face: inflated, begun, answered, counted."""

from __future__ import annotations

import logging
from collections.abc import Callable
from functools import partial

from kernel_server.errors import Cancelled, Internal, ServingError
from kernel_server.monitoring.totals import Totals
from kernel_server.rest.api import Api, Begin, GiveUp
from kernel_server.rest.aside import aside
from kernel_server.rest.body import compressed, inflated
from kernel_server.rest.http1.exchange import Exchange, Fields, Reply

_log = logging.getLogger(__name__)

_COMPRESS_FROM = 64 * 1024
"""Bytes from which a reply is compressed for a client that accepts it; below, it only costs time."""


class Call:
    """Answers ``exchange``, once.

    Bodies may have ``most_bytes`` when inflated. Replies get the headers ``extra``, ``refusal`` makes those
    that tell of an error, and ``totals`` counts them.
    """

    __slots__ = ("_exchange", "_extra", "_give_up", "_model", "_most_bytes", "_refusal", "_totals")

    def __init__(
        self,
        exchange: Exchange,
        *,
        most_bytes: int,
        extra: Fields,
        refusal: Callable[[ServingError], Reply],
        totals: Totals,
    ) -> None:
        self._exchange = exchange
        self._most_bytes = most_bytes
        self._extra = extra
        self._refusal = refusal
        self._totals = totals
        self._model = ""
        self._give_up: GiveUp | None = None
        exchange.on_gone = self._gone

    def begin(self, api: Api, authorize: Callable[[Exchange, str], None]) -> None:
        """Have the call answered by ``api``, now or later, if ``authorize`` does not raise.

        Does nothing for a client that has left meanwhile.
        """
        exchange = self._exchange
        if not exchange.awaited:
            return
        try:
            call, model, begin = api.route(exchange.method, exchange.path)
            authorize(exchange, call)
            self._model = model
            encoding = exchange.headers.get(b"content-encoding")
            if encoding is None:
                self._give_up = begin(exchange, self._answer)
            else:
                work = partial(inflated, exchange.body, encoding, self._most_bytes)
                aside(work, partial(self._go_on, begin))
        except Exception as error:
            self._fail(error)

    def _go_on(self, begin: Begin, body: bytes | Exception) -> None:
        """Begin with the inflated body."""
        if isinstance(body, Exception):
            self._fail(body)
            return
        self._exchange.body = body
        try:
            self._give_up = begin(self._exchange, self._answer)
        except Exception as error:
            self._fail(error)

    def _answer(self, outcome: Reply | Exception) -> None:
        self._give_up = None
        if isinstance(outcome, Exception):
            self._fail(outcome)
        elif len(outcome.body) >= _COMPRESS_FROM and self._accepts_gzip():
            aside(partial(compressed, outcome.body), partial(self._send_compressed, outcome))
        else:
            self._send(outcome)

    def _accepts_gzip(self) -> bool:
        return b"gzip" in self._exchange.headers.get(b"accept-encoding", b"")

    def _send_compressed(self, reply: Reply, body: bytes | Exception) -> None:
        if isinstance(body, Exception):
            self._fail(body)
        else:
            self._send(reply._replace(body=body, headers=(*reply.headers, ("Content-Encoding", "gzip"))))

    def _send(self, reply: Reply) -> None:
        self._exchange.reply(reply._replace(headers=reply.headers + self._extra) if self._extra else reply)

    def _fail(self, error: Exception) -> None:
        refusal = self._explained(error)
        if self._exchange.reply(self._refusal(refusal)):
            self._totals.refuse(self._model, refusal)

    def _explained(self, error: Exception) -> ServingError:
        if isinstance(error, ServingError):
            return error
        _log.error("%s %s failed", self._exchange.method, self._exchange.path, exc_info=error)
        return Internal(f"{type(error).__name__} in the server; its log tells more.")

    def _gone(self) -> None:
        self._totals.refuse(self._model, Cancelled())
        if self._give_up is not None:
            self._give_up()
