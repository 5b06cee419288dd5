"""Compressed bodies, of requests and of replies."""

from __future__ import annotations

import gzip
import zlib

from kernel_server.errors import InvalidArgument
from kernel_server.rest.http1.errors import BodyTooLarge

_ANY_HEADER = 32 + zlib.MAX_WBITS
"""Tells zlib to find out whether the data are gzip's or its own."""

_ENCODINGS = (b"gzip", b"x-gzip", b"deflate")


def inflated(body: bytes, encoding: bytes, limit: int) -> bytes:
    """What ``body`` was before it was compressed as its ``Content-Encoding`` says.

    Raises :class:`BodyTooLarge` when that exceeds ``limit`` bytes, and :class:`InvalidArgument` for a body
    that its encoding does not describe.
    """
    encoding = encoding.strip().lower()
    if encoding in (b"", b"identity"):
        return body
    if encoding not in _ENCODINGS:
        raise InvalidArgument(
            f"Content-Encoding {encoding.decode('latin-1')} is not known here. Send gzip, deflate or none."
        )
    decoder = zlib.decompressobj(_ANY_HEADER)
    try:
        text = decoder.decompress(body, limit + 1)
    except zlib.error as error:
        raise InvalidArgument(f"The request body could not be read: {error}") from None
    if len(text) > limit:
        raise BodyTooLarge(limit)
    if not decoder.eof:
        raise InvalidArgument("The request body could not be read: it ends within its compressed data")
    return text


def compressed(body: bytes) -> bytes:
    """``body`` for a client that accepts gzip."""
    return gzip.compress(body, 1)
