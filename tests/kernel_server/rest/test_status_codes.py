import pytest

from kernel_server import errors
from kernel_server.rest.http1.errors import BodyTooLarge
from kernel_server.rest.json_parse import JsonParseError
from kernel_server.rest.status_codes import http_status


@pytest.mark.parametrize(
    ("kind", "status"),
    [
        (errors.InvalidArgument, 400),
        (errors.FailedPrecondition, 400),
        (errors.Unauthenticated, 401),
        (errors.PermissionDenied, 403),
        (errors.NotFound, 404),
        (errors.AlreadyExists, 409),
        (errors.ResourceExhausted, 429),
        (errors.Cancelled, 499),
        (errors.Unknown, 500),
        (errors.Internal, 500),
        (errors.DataLoss, 500),
        (errors.Unimplemented, 501),
        (errors.Unavailable, 503),
        (errors.DeadlineExceeded, 504),
        (errors.ServingError, 500),
    ],
)
def test_http_status(kind: type[errors.ServingError], status: int) -> None:
    assert http_status(kind("x")) == status


def test_a_leaf_counts_as_its_kind() -> None:
    assert http_status(JsonParseError("x", 1)) == 400


def test_a_body_beyond_the_limit_is_told_apart() -> None:
    assert http_status(BodyTooLarge(10)) == 413
