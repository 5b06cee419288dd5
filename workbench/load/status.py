"""gRPC's status codes by number. Source: ``statuscodes.md`` of the gRPC documentation."""

from __future__ import annotations

NAMES = (
    "OK",
    "CANCELLED",
    "UNKNOWN",
    "INVALID_ARGUMENT",
    "DEADLINE_EXCEEDED",
    "NOT_FOUND",
    "ALREADY_EXISTS",
    "PERMISSION_DENIED",
    "RESOURCE_EXHAUSTED",
    "FAILED_PRECONDITION",
    "ABORTED",
    "OUT_OF_RANGE",
    "UNIMPLEMENTED",
    "INTERNAL",
    "UNAVAILABLE",
    "DATA_LOSS",
    "UNAUTHENTICATED",
)

SHED = frozenset({"RESOURCE_EXHAUSTED", "UNAVAILABLE", "CANCELLED"})
"""How a server refuses work to protect itself.

``CANCELLED`` is the word of gRPC's own library for calls that wait too long to be accepted (the channel
argument ``grpc.server_max_pending_requests``).
"""

OVERLOAD = SHED | {"DEADLINE_EXCEEDED"}
"""How requests end that come faster than they can be answered."""


def name_of(number: int) -> str:
    """The canonical name; numbers that gRPC does not know are ``UNKNOWN``."""
    return NAMES[number] if 0 <= number < len(NAMES) else "UNKNOWN"
