"""What can go wrong while serving, as one small tree.

::

    ServingError
    ├── InvalidArgument       the request can never succeed as it stands
    ├── NotFound              no such model, version or file
    ├── FailedPrecondition    the request contradicts the state or the configuration
    ├── AlreadyExists         the name is taken
    ├── PermissionDenied      the caller may not do this
    ├── Unauthenticated       the token is missing or wrong
    ├── ResourceExhausted     too large, or out of time while queued
    ├── Unavailable           try again: a queue is full or the server drains
    ├── DeadlineExceeded      the caller's own time limit passed
    ├── Cancelled             the caller went away
    ├── Unimplemented         known, but not offered
    ├── DataLoss              a stored file is corrupt
    ├── Unknown               several things failed; the message lists them
    └── Internal              a defect of this server

Each class is named after the canonical status it becomes at the wire, its ``code``; the numbers that gRPC
and HTTP give it live in ``rpc`` and ``rest`` only. Leaves that carry typed arguments live beside the code
that raises them and build their message from those arguments.
"""

from __future__ import annotations

from typing import ClassVar, Self


class ServingError(Exception):
    """Root of every error this package raises on purpose."""

    code: ClassVar[str] = "UNKNOWN"
    """Canonical name of its status, the same in gRPC, HTTP bodies and logs."""

    @property
    def message(self) -> str:
        """The text a client sees."""
        return str(self.args[0]) if self.args else type(self).__name__

    def reworded(self, message: str) -> Self:
        """The same error with a fuller message."""
        copy = type(self).__new__(type(self), message)
        copy.__dict__.update(self.__dict__)
        copy.args = (message,)
        return copy


class InvalidArgument(ServingError):
    """The request can never succeed as it stands."""

    code = "INVALID_ARGUMENT"


class NotFound(ServingError):
    """No such model, version, label or file."""

    code = "NOT_FOUND"


class FailedPrecondition(ServingError):
    """The request contradicts the current state or configuration."""

    code = "FAILED_PRECONDITION"


class AlreadyExists(ServingError):
    """The name is taken."""

    code = "ALREADY_EXISTS"


class PermissionDenied(ServingError):
    """The caller is known and may not do this."""

    code = "PERMISSION_DENIED"


class Unauthenticated(ServingError):
    """The bearer token is missing or wrong."""

    code = "UNAUTHENTICATED"


class ResourceExhausted(ServingError):
    """A size or time limit was used up."""

    code = "RESOURCE_EXHAUSTED"


class Unavailable(ServingError):
    """Transient: the same request may succeed later."""

    code = "UNAVAILABLE"


class DeadlineExceeded(ServingError):
    """The caller's deadline passed before the answer was ready."""

    code = "DEADLINE_EXCEEDED"


class Cancelled(ServingError):
    """The caller gave up, or the work was called off."""

    code = "CANCELLED"


class Unimplemented(ServingError):
    """Recognised, but not offered by this server."""

    code = "UNIMPLEMENTED"


class DataLoss(ServingError):
    """A stored file is corrupt."""

    code = "DATA_LOSS"


class Unknown(ServingError):
    """Several things failed; the message lists them."""

    code = "UNKNOWN"


class Internal(ServingError):
    """A defect of this server."""

    code = "INTERNAL"


_BY_CODE = {kind.code: kind for kind in ServingError.__subclasses__()}


def error_of(code: str, message: str) -> ServingError:
    """The error of a canonical code; ``Internal`` for a code that is none."""
    return _BY_CODE.get(code, Internal)(message)
