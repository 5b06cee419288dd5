"""What an error is numbered in HTTP."""

from __future__ import annotations

from http import HTTPStatus

from kernel_server.errors import ServingError
from kernel_server.rest.http1.errors import BodyTooLarge, HeadTooLarge, RequestTooSlow

CLIENT_CLOSED_REQUEST = 499
"""Not in RFC 9110, but what TensorFlow Serving (and nginx) say when the client is gone."""

_STATUS = {
    "INVALID_ARGUMENT": HTTPStatus.BAD_REQUEST,
    "FAILED_PRECONDITION": HTTPStatus.BAD_REQUEST,
    "UNAUTHENTICATED": HTTPStatus.UNAUTHORIZED,
    "PERMISSION_DENIED": HTTPStatus.FORBIDDEN,
    "NOT_FOUND": HTTPStatus.NOT_FOUND,
    "ALREADY_EXISTS": HTTPStatus.CONFLICT,
    "RESOURCE_EXHAUSTED": HTTPStatus.TOO_MANY_REQUESTS,
    "CANCELLED": CLIENT_CLOSED_REQUEST,
    "UNKNOWN": HTTPStatus.INTERNAL_SERVER_ERROR,
    "INTERNAL": HTTPStatus.INTERNAL_SERVER_ERROR,
    "DATA_LOSS": HTTPStatus.INTERNAL_SERVER_ERROR,
    "UNIMPLEMENTED": HTTPStatus.NOT_IMPLEMENTED,
    "UNAVAILABLE": HTTPStatus.SERVICE_UNAVAILABLE,
    "DEADLINE_EXCEEDED": HTTPStatus.GATEWAY_TIMEOUT,
}

_STATUS_OF_LIMITS = {
    BodyTooLarge: HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
    HeadTooLarge: HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE,
    RequestTooSlow: HTTPStatus.REQUEST_TIMEOUT,
}
"""Not 429 or 504 like other limits: those would invite to send the same again."""


def http_status(error: ServingError) -> int:
    """The HTTP status that tells a client of ``error``."""
    return _STATUS_OF_LIMITS.get(type(error)) or _STATUS[error.code]
