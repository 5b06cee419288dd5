"""The server's errors as gRPC status numbers and messages."""

from __future__ import annotations

from grpc import StatusCode

from kernel_server.errors import ServingError

LONGEST_MESSAGE = 1024
"""Bytes after which TensorFlow Serving cuts a message, so that it fits into a header."""

_CUT_MARK = "...TRUNCATED"


def status_number(error: ServingError) -> int:
    """The number of the error's canonical status."""
    number: int = StatusCode[error.code].value[0]
    return number


def status_message(error: ServingError) -> str:
    """The message of ``error``, cut to what fits into a gRPC header."""
    encoded = error.message.encode(errors="replace")
    if len(encoded) <= LONGEST_MESSAGE:
        return encoded.decode()
    return encoded[: LONGEST_MESSAGE - len(_CUT_MARK)].decode(errors="ignore") + _CUT_MARK
