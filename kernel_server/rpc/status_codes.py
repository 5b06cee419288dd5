"""The server's errors as gRPC status codes and messages."""

from __future__ import annotations

from typing import Any, NoReturn, TypeAlias

import grpc

from kernel_server.errors import ServingError

Context: TypeAlias = "grpc.aio.ServicerContext[Any, Any]"
"""The call being answered."""

LONGEST_MESSAGE = 1024
"""Bytes after which TensorFlow Serving cuts a message, so that it fits into a header."""

_CUT_MARK = "...TRUNCATED"


def status_code(error: ServingError) -> grpc.StatusCode:
    """The gRPC status of ``error``."""
    return grpc.StatusCode[error.code]


def status_message(error: ServingError) -> str:
    """The message of ``error``, cut to what fits into a gRPC header."""
    encoded = error.message.encode()
    if len(encoded) <= LONGEST_MESSAGE:
        return error.message
    return encoded[: LONGEST_MESSAGE - len(_CUT_MARK)].decode(errors="ignore") + _CUT_MARK


async def abort(context: Context, error: ServingError) -> NoReturn:
    """End the call with the status of ``error``."""
    await context.abort(status_code(error), status_message(error))
    raise AssertionError("context.abort always raises")
