"""TensorFlow's errors as errors of the server."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager

import tensorflow as tf

from kernel_server import errors

_BY_CODE: dict[int, type[errors.ServingError]] = {
    tf.errors.CANCELLED: errors.Cancelled,
    tf.errors.INVALID_ARGUMENT: errors.InvalidArgument,
    tf.errors.OUT_OF_RANGE: errors.InvalidArgument,
    tf.errors.DEADLINE_EXCEEDED: errors.DeadlineExceeded,
    tf.errors.NOT_FOUND: errors.NotFound,
    tf.errors.FAILED_PRECONDITION: errors.FailedPrecondition,
    tf.errors.RESOURCE_EXHAUSTED: errors.ResourceExhausted,
    tf.errors.UNAVAILABLE: errors.Unavailable,
    tf.errors.UNIMPLEMENTED: errors.Unimplemented,
    tf.errors.DATA_LOSS: errors.DataLoss,
}

_WRONG_TYPE = re.compile(
    r"Type mismatch: actual (\w+) vs\. expect (\w+)\s+\[\[\{\{node _arg_.*_(\d+)\}\}\]\]"
)


@contextmanager
def tensorflow_errors() -> Iterator[None]:
    """Raise what TensorFlow raises inside as a :class:`~kernel_server.errors.ServingError`.

    An operation that quotes bytes of the request which are not UTF-8 surfaces in Python as
    ``UnicodeDecodeError``; the request is at fault there too.
    """
    try:
        yield
    except tf.errors.OpError as error:
        raise error_of(error.error_code, error.message) from error
    except UnicodeDecodeError as error:
        raise errors.InvalidArgument(f"the model refused bytes that are not UTF-8: {error}") from error


def error_of(code: int, message: str) -> errors.ServingError:
    """The error for one of TensorFlow's status codes.

    A prepared call has other words for a wrong type than a session has, which TensorFlow Serving uses.
    """
    kind = _BY_CODE.get(code, errors.Internal)
    return kind(_WRONG_TYPE.sub(r"Expects arg[\3] to be \2 but \1 is provided", message))
