"""HTTP around the calls: who may call, what a failure looks like, probes, metrics, CORS, compression."""

from __future__ import annotations

import asyncio
import gzip
import json
import logging
import re
from collections.abc import Callable

from aiohttp import hdrs, web

from kernel_server.errors import Cancelled, Internal, ServingError, Unauthenticated
from kernel_server.monitoring.totals import Totals
from kernel_server.rest.body import read_body
from kernel_server.rest.calls import Calls
from kernel_server.rest.metrics import Metrics
from kernel_server.rest.routes import match
from kernel_server.rest.status_codes import http_status
from kernel_server.security.tokens import Token

_log = logging.getLogger(__name__)

_API_PATH = re.compile(r"(?i:/v1/.*)")
_COMPRESS_FROM = 64 * 1024
"""Bytes from which a reply is compressed for a client that accepts it; below, it only costs time."""


class Face:
    """Answers HTTP requests.

    ``token`` admits to calls, ``None`` lets everyone call; probes need none. ``is_ready`` decides what
    ``/readyz`` says. Bodies may have ``max_body_bytes``.
    """

    def __init__(
        self,
        calls: Calls,
        metrics: Metrics,
        totals: Totals,
        *,
        token: Token | None,
        cors: bool,
        max_body_bytes: int,
        is_ready: Callable[[], bool],
    ) -> None:
        self._calls = calls
        self._metrics = metrics
        self._totals = totals
        self._token = token
        self._max_body_bytes = max_body_bytes
        self._is_ready = is_ready
        self._cors = _cors_headers(with_token=token is not None) if cors else {}
        self._headers = {hdrs.CONTENT_TYPE: "application/json", **self._cors}

    async def __call__(self, request: web.BaseRequest) -> web.Response:
        """The reply to ``request``; what goes wrong on the way is told in it."""
        path = request.raw_path.partition("?")[0]
        if self._metrics.has(path):
            return await self._scrape(request, path)
        if not _API_PATH.fullmatch(path):
            return self._probe(path)
        if request.method == hdrs.METH_OPTIONS:
            return self._preflight(request)
        return await self._call(request, path)

    async def _call(self, request: web.BaseRequest, path: str) -> web.Response:
        model = ""
        try:
            self._authorize(request)
            route = match(request.method, path)
            model = route.spec.name
            text = await read_body(request, self._max_body_bytes)
            reply = await self._calls.answer(route, text)
        except asyncio.CancelledError:
            self._totals.refuse(model, Cancelled())
            raise
        except Exception as error:
            refusal = self._explained(error, request)
            self._totals.refuse(model, refusal)
            return self._refusal(refusal)
        if len(reply) >= _COMPRESS_FROM and "gzip" in request.headers.get(hdrs.ACCEPT_ENCODING, ""):
            return await self._compressed(reply)
        return web.Response(body=reply, headers=self._headers)

    async def _scrape(self, request: web.BaseRequest, path: str) -> web.Response:
        try:
            self._authorize(request)
        except Unauthenticated as error:
            return self._refusal(error)
        return await self._metrics.page(path)

    def _probe(self, path: str) -> web.Response:
        if path == "/livez":
            return web.Response(text="ok\n")
        if path == "/readyz":
            ready = self._is_ready()
            return web.Response(text="ok\n" if ready else "not ready\n", status=200 if ready else 503)
        return web.Response(text="404: Not Found\n", status=404)

    def _preflight(self, request: web.BaseRequest) -> web.Response:
        origin = request.headers.get(hdrs.ORIGIN, "")
        welcome = "http://" in origin or "https://" in origin
        return web.Response(status=200 if welcome else 400, headers=self._cors)

    def _authorize(self, request: web.BaseRequest) -> None:
        if self._token is None:
            return
        sent = request.headers.get(hdrs.AUTHORIZATION)
        if sent is None:
            raise Unauthenticated("This server asks for its token: send 'Authorization: Bearer <token>'.")
        if not self._token.admits(sent.encode(errors="surrogateescape")):
            raise Unauthenticated("The Authorization header does not carry this server's bearer token.")

    def _explained(self, error: Exception, request: web.BaseRequest) -> ServingError:
        if isinstance(error, ServingError):
            return error
        _log.error("%s %s failed", request.method, request.raw_path, exc_info=error)
        return Internal(f"{type(error).__name__} in the server; its log tells more.")

    def _refusal(self, error: ServingError) -> web.Response:
        headers = self._headers
        if isinstance(error, Unauthenticated):
            headers = {**headers, hdrs.WWW_AUTHENTICATE: "Bearer"}
        text = json.dumps({"error": error.message}, indent=4, ensure_ascii=False)
        body = text.encode(errors="surrogateescape")
        return web.Response(body=body, status=http_status(error), headers=headers)

    async def _compressed(self, reply: bytes) -> web.Response:
        body = await asyncio.to_thread(gzip.compress, reply, 1)
        return web.Response(body=body, headers={**self._headers, hdrs.CONTENT_ENCODING: "gzip"})


def _cors_headers(*, with_token: bool) -> dict[str, str]:
    return {
        hdrs.ACCESS_CONTROL_ALLOW_ORIGIN: "*",
        hdrs.ACCESS_CONTROL_ALLOW_METHODS: "POST, GET",
        hdrs.ACCESS_CONTROL_ALLOW_HEADERS: "Content-Type, Authorization" if with_token else "Content-Type",
    }
