"""The words in which a failed start or reload reports what went wrong."""

from __future__ import annotations

import pytest

from kernel_server.core.manager import ServableNotFound
from kernel_server.core.servable import ServableId
from kernel_server.core.state import State, VersionState
from kernel_server.core.status_text import ModelsUnavailable, status_text
from kernel_server.errors import DataLoss, Internal, ServingError, Unknown


@pytest.mark.parametrize(
    ("error", "text"),
    [
        (DataLoss("cut short"), "DATA_LOSS: cut short"),
        (Internal("broken"), "INTERNAL: broken"),
        (ServableNotFound("m"), "NOT_FOUND: Servable not found for request: Latest(m)"),
        (ServingError("something"), "UNKNOWN: something"),
    ],
)
def test_status_text(error: ServingError, text: str) -> None:
    assert status_text(error) == text


def test_models_unavailable_names_the_version_and_its_error() -> None:
    state = VersionState(ServableId("m", 3), State.END, DataLoss("cut short"))
    error = ModelsUnavailable({"m": state})
    assert isinstance(error, Unknown)
    assert error.message == (
        "1 servable(s) did not become available: {{name: m version: 3} due to error: DATA_LOSS: cut short}, }"
    )


def test_models_unavailable_without_an_error() -> None:
    loading = VersionState(ServableId("slow", 1), State.LOADING)
    error = ModelsUnavailable({"slow": loading, "empty": None}, noun="model(s)")
    assert error.message == (
        "2 model(s) did not become available: "
        "{{name: slow version: 1} is in state LOADING}, {name: empty} has no version}, }"
    )
