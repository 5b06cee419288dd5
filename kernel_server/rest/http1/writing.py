"""Replies as bytes."""

from __future__ import annotations

from email.utils import formatdate
from functools import lru_cache
from http import HTTPStatus
from time import time

from kernel_server.rest.http1.exchange import Fields, Reply

CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"

KEEP = b"\r\n\r\n"
KEEP_OLD = b"\r\nConnection: keep-alive\r\n\r\n"
"""For HTTP/1.0, where connections end after one request unless both sides say otherwise."""
CLOSE = b"\r\nConnection: close\r\n\r\n"

_UNNAMED = {499: "Client Closed Request"}


def head(reply: Reply, ending: bytes) -> bytes:
    """Status line and headers of ``reply``; ``ending`` is :data:`KEEP`, :data:`KEEP_OLD` or :data:`CLOSE`."""
    return b"%b%d%b" % (_begin(reply.status, reply.headers, int(time())), len(reply.body), ending)


@lru_cache(maxsize=64)
def _begin(status: int, headers: Fields, second: int) -> bytes:
    """What replies of one second have in common, up to their length."""
    phrase = _UNNAMED.get(status) or HTTPStatus(status).phrase
    lines = [
        f"HTTP/1.1 {status} {phrase}",
        *(f"{name}: {value}" for name, value in headers),
        f"Date: {formatdate(second, usegmt=True)}",
        "Content-Length: ",
    ]
    return "\r\n".join(lines).encode()
