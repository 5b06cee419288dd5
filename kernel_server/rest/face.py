"""HTTP around the calls: who may call, what a failure looks like, probes, metrics, CORS."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from functools import partial

from kernel_server.errors import ServingError, Unauthenticated
from kernel_server.monitoring.totals import Totals
from kernel_server.rest.api import Api
from kernel_server.rest.call import Call
from kernel_server.rest.http1.exchange import JSON, TEXT, Exchange, Fields, Reply
from kernel_server.rest.metrics import Metrics
from kernel_server.rest.status_codes import http_status
from kernel_server.security.scopes import needed
from kernel_server.security.tokens import MissingScope, Tokens
from kernel_server.turns import Turns


class Face:
    """Answers HTTP requests; a :class:`~kernel_server.rest.http1.exchange.Service`.

    ``apis`` are found by the first segment of a path, in lower case and with the slash that follows it, if
    any. Calls are begun in ``turns``, those of one path one after another. With ``tokens`` a call needs one
    with its scope; probes need none. ``is_ready`` decides what ``/readyz`` says. Bodies may have
    ``most_bytes``.
    """

    def __init__(
        self,
        apis: Mapping[str, Api],
        metrics: Metrics,
        totals: Totals,
        turns: Turns,
        *,
        tokens: Tokens | None,
        cors: bool,
        most_bytes: int,
        is_ready: Callable[[], bool],
    ) -> None:
        self._apis = apis
        self._metrics = metrics
        self._turns = turns
        self._tokens = tokens
        self._is_ready = is_ready
        self._cors = _cors_headers(with_token=tokens is not None) if cors else ()
        self._call = partial(
            Call, most_bytes=most_bytes, extra=self._cors, refusal=self.refusal, totals=totals
        )
        self.most_bytes = most_bytes

    def admit(self, exchange: Exchange) -> None:
        """Raise for a call that cannot succeed, whose large body is not worth reading."""
        api = self._api(exchange.path)
        if api is not None:
            self._authorize(exchange, api.route(exchange.method, exchange.path).call)

    def begin(self, exchange: Exchange) -> None:
        """Answer a whole request; what goes wrong on the way is told in the reply."""
        path = exchange.path
        if self._metrics.has(path):
            self._scrape(exchange)
            return
        api = self._api(path)
        if api is None:
            exchange.reply(self._probe(path))
        elif exchange.method == "OPTIONS":
            exchange.reply(self._preflight(exchange))
        else:
            self._turns.take(path, partial(self._call(exchange).begin, api, self._authorize))

    def refusal(self, error: ServingError) -> Reply:
        """The reply that tells a client of ``error``."""
        headers = JSON + self._cors
        if isinstance(error, Unauthenticated):
            headers += (("WWW-Authenticate", "Bearer"),)
        elif isinstance(error, MissingScope):
            challenge = f'Bearer error="insufficient_scope", scope="{error.needed}"'
            headers += (("WWW-Authenticate", challenge),)
        text = json.dumps({"error": error.message}, indent=4, ensure_ascii=False)
        return Reply(text.encode(errors="surrogateescape"), http_status(error), headers)

    def _api(self, path: str) -> Api | None:
        segment, slash, _ = path[1:].partition("/")
        return self._apis.get(segment.lower() + slash)

    def _scrape(self, exchange: Exchange) -> None:
        try:
            self._authorize(exchange, "metrics")
        except ServingError as error:
            exchange.reply(self.refusal(error))
        else:
            self._metrics.answer(exchange)

    def _probe(self, path: str) -> Reply:
        if path == "/livez":
            return Reply(b"ok\n", 200, TEXT)
        if path == "/readyz":
            return Reply(b"ok\n", 200, TEXT) if self._is_ready() else Reply(b"not ready\n", 503, TEXT)
        return Reply(b"404: Not Found\n", 404, TEXT)

    def _preflight(self, exchange: Exchange) -> Reply:
        origin = exchange.headers.get(b"origin", b"")
        welcome = b"http://" in origin or b"https://" in origin
        return Reply(b"", 200 if welcome else 400, self._cors)

    def _authorize(self, exchange: Exchange, call: str) -> None:
        scope = needed(call)
        if self._tokens is not None and scope is not None:
            self._tokens.check(exchange.headers.get(b"authorization"), scope)


def _cors_headers(*, with_token: bool) -> Fields:
    return (
        ("Access-Control-Allow-Origin", "*"),
        ("Access-Control-Allow-Methods", "POST, GET"),
        ("Access-Control-Allow-Headers", "Content-Type, Authorization" if with_token else "Content-Type"),
    )
