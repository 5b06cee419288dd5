"""The server's errors as gRPC status codes and messages."""

from __future__ import annotations

from typing import Any, NoReturn, TypeAlias

import grpc

from kernel_server import errors

Context: TypeAlias = "grpc.aio.ServicerContext[Any, Any]"
"""The call being answered."""

_CODES: dict[type[errors.ServingError], grpc.StatusCode] = {
    errors.InvalidArgument: grpc.StatusCode.INVALID_ARGUMENT,
    errors.NotFound: grpc.StatusCode.NOT_FOUND,
    errors.FailedPrecondition: grpc.StatusCode.FAILED_PRECONDITION,
    errors.AlreadyExists: grpc.StatusCode.ALREADY_EXISTS,
    errors.PermissionDenied: grpc.StatusCode.PERMISSION_DENIED,
    errors.Unauthenticated: grpc.StatusCode.UNAUTHENTICATED,
    errors.ResourceExhausted: grpc.StatusCode.RESOURCE_EXHAUSTED,
    errors.Unavailable: grpc.StatusCode.UNAVAILABLE,
    errors.DeadlineExceeded: grpc.StatusCode.DEADLINE_EXCEEDED,
    errors.Cancelled: grpc.StatusCode.CANCELLED,
    errors.Unimplemented: grpc.StatusCode.UNIMPLEMENTED,
    errors.DataLoss: grpc.StatusCode.DATA_LOSS,
    errors.Unknown: grpc.StatusCode.UNKNOWN,
    errors.Internal: grpc.StatusCode.INTERNAL,
}

LONGEST_MESSAGE = 1024
"""Bytes after which TensorFlow Serving cuts a message, so that it fits into a header."""

_CUT_MARK = "...TRUNCATED"


def status_code(error: errors.ServingError) -> grpc.StatusCode:
    """The gRPC status of ``error``: that of the nearest class in the tree."""
    for kind in type(error).__mro__:
        if kind in _CODES:
            return _CODES[kind]
    return grpc.StatusCode.UNKNOWN


def status_message(error: errors.ServingError) -> str:
    """The message of ``error``, cut to what fits into a gRPC header."""
    encoded = error.message.encode()
    if len(encoded) <= LONGEST_MESSAGE:
        return error.message
    return encoded[: LONGEST_MESSAGE - len(_CUT_MARK)].decode(errors="ignore") + _CUT_MARK


async def abort(context: Context, error: errors.ServingError) -> NoReturn:
    """End the call with the status of ``error``."""
    await context.abort(status_code(error), status_message(error))
    raise AssertionError("context.abort always raises")
