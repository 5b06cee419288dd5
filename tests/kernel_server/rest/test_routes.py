import pytest

from kernel_server.errors import InvalidArgument
from kernel_server.handlers.model_spec import ModelSpec
from kernel_server.rest.routes import Route, match


@pytest.mark.parametrize(
    ("method", "path", "route"),
    [
        ("POST", "/v1/models/m:predict", Route("predict", ModelSpec("m"))),
        ("POST", "/v1/models/m:classify", Route("classify", ModelSpec("m"))),
        ("POST", "/v1/models/m/versions/7:regress", Route("regress", ModelSpec("m", version=7))),
        ("POST", "/v1/models/m/versions/007:predict", Route("predict", ModelSpec("m", version=7))),
        ("POST", "/v1/models/m/labels/canary:predict", Route("predict", ModelSpec("m", label="canary"))),
        ("POST", "/V1/Models/M/VERSIONS/1:predict", Route("predict", ModelSpec("M", version=1))),
        ("POST", "/v1/models/a%2Fb%3Ac:predict", Route("predict", ModelSpec("a/b:c"))),
        ("POST", "/v1/models/m/labels/%C3%BC:predict", Route("predict", ModelSpec("m", label="ü"))),
        ("GET", "/v1/models/m", Route("status", ModelSpec("m"))),
        ("GET", "/v1/models/m/versions/1", Route("status", ModelSpec("m", version=1))),
        ("GET", "/v1/models/m/labels/x", Route("status", ModelSpec("m", label="x"))),
        ("GET", "/v1/models/m/metadata", Route("metadata", ModelSpec("m"))),
        ("GET", "/v1/models/m/versions/1/METADATA", Route("metadata", ModelSpec("m", version=1))),
        ("GET", "/v1/models/metadata", Route("status", ModelSpec("metadata"))),
        (
            "GET",
            f"/v1/models/m/versions/{2**63 - 1}",
            Route("status", ModelSpec("m", version=2**63 - 1)),
        ),
    ],
)
def test_calls(method: str, path: str, route: Route) -> None:
    assert match(method, path) == route


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/v1/models/m:predict"),
        ("POST", "/v1/models/m"),
        ("POST", "/v1/models/m:PREDICT"),
        ("POST", "/v1/models/m:predict/"),
        ("POST", "/v1/models/m:predict\n"),
        ("POST", "/v1/models/m/versions/one:predict"),
        ("POST", "/v1/models/m/versions/\u0661:predict"),
        ("POST", "/v1/models/m/versions/1/labels/x:predict"),
        ("POST", "/v1/models/:predict"),
        ("POST", "/v1/models/a/b:predict"),
        ("PUT", "/v1/models/m:predict"),
        ("GET", "/v1/models/"),
        ("GET", "/v1/"),
        ("GET", "/v1/models/m/metadata/"),
    ],
)
def test_malformed(method: str, path: str) -> None:
    with pytest.raises(InvalidArgument) as caught:
        match(method, path)
    assert caught.value.message == f"Malformed request: {method} {path}"


@pytest.mark.parametrize("path", ["/v1/models", "/v1/models/versions/1", "/v1/models/labels/x"])
def test_no_model_name(path: str) -> None:
    with pytest.raises(InvalidArgument) as caught:
        match("GET", path)
    assert caught.value.message == "Missing model name in request."


@pytest.mark.parametrize("digits", [str(2**63), "9" * 8000])
def test_a_version_beyond_int64(digits: str) -> None:
    with pytest.raises(InvalidArgument) as caught:
        match("GET", f"/v1/models/m/versions/{digits}")
    assert caught.value.message == f"Failed to convert version: {digits} to numeric."
