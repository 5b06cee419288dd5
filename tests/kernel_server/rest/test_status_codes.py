import pytest

from kernel_server import errors
from kernel_server.rest.json_parse import JsonParseError
from kernel_server.rest.status_codes import code_name, http_status

LEAVES = errors.ServingError.__subclasses__()


@pytest.mark.parametrize("kind", LEAVES)
def test_every_kind_of_error_has_its_own_name(kind: type[errors.ServingError]) -> None:
    assert code_name(kind("x")).replace("_", "").lower() == kind.__name__.lower()


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
    assert code_name(JsonParseError("x", 1)) == "INVALID_ARGUMENT"
