"""What an error is called and numbered in HTTP."""

from __future__ import annotations

from http import HTTPStatus

from kernel_server import errors
from kernel_server.rest.body import BodyTooLarge

CLIENT_CLOSED_REQUEST = 499
"""Not in RFC 9110, but what TensorFlow Serving (and nginx) say when the client is gone."""

_CODES: dict[type[errors.ServingError], tuple[str, int]] = {
    errors.InvalidArgument: ("INVALID_ARGUMENT", HTTPStatus.BAD_REQUEST),
    errors.FailedPrecondition: ("FAILED_PRECONDITION", HTTPStatus.BAD_REQUEST),
    errors.Unauthenticated: ("UNAUTHENTICATED", HTTPStatus.UNAUTHORIZED),
    errors.PermissionDenied: ("PERMISSION_DENIED", HTTPStatus.FORBIDDEN),
    errors.NotFound: ("NOT_FOUND", HTTPStatus.NOT_FOUND),
    errors.AlreadyExists: ("ALREADY_EXISTS", HTTPStatus.CONFLICT),
    BodyTooLarge: ("RESOURCE_EXHAUSTED", HTTPStatus.REQUEST_ENTITY_TOO_LARGE),
    errors.ResourceExhausted: ("RESOURCE_EXHAUSTED", HTTPStatus.TOO_MANY_REQUESTS),
    errors.Cancelled: ("CANCELLED", CLIENT_CLOSED_REQUEST),
    errors.Unknown: ("UNKNOWN", HTTPStatus.INTERNAL_SERVER_ERROR),
    errors.Internal: ("INTERNAL", HTTPStatus.INTERNAL_SERVER_ERROR),
    errors.DataLoss: ("DATA_LOSS", HTTPStatus.INTERNAL_SERVER_ERROR),
    errors.Unimplemented: ("UNIMPLEMENTED", HTTPStatus.NOT_IMPLEMENTED),
    errors.Unavailable: ("UNAVAILABLE", HTTPStatus.SERVICE_UNAVAILABLE),
    errors.DeadlineExceeded: ("DEADLINE_EXCEEDED", HTTPStatus.GATEWAY_TIMEOUT),
}


def code_name(error: errors.ServingError) -> str:
    """The canonical name of ``error``'s kind, such as ``NOT_FOUND``."""
    return _code(error)[0]


def http_status(error: errors.ServingError) -> int:
    """The HTTP status that tells a client of ``error``."""
    return _code(error)[1]


def _code(error: errors.ServingError) -> tuple[str, int]:
    return next((_CODES[kind] for kind in type(error).__mro__ if kind in _CODES), _CODES[errors.Unknown])
