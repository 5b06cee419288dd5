"""The tree of errors, and what an error is called on the wire."""

from __future__ import annotations

import grpc
import pytest

from kernel_server.errors import InvalidArgument, NotFound, ServingError


class NamesItsModel(NotFound):
    def __init__(self, model: str) -> None:
        super().__init__(f"no model {model}")
        self.model = model


@pytest.mark.parametrize("kind", ServingError.__subclasses__())
def test_every_kind_is_called_what_grpc_calls_it(kind: type[ServingError]) -> None:
    assert kind.code.replace("_", "").lower() == kind.__name__.lower()
    assert grpc.StatusCode[kind.code].name == kind.code


def test_a_leaf_has_the_code_of_its_kind() -> None:
    assert NamesItsModel("a").code == "NOT_FOUND"


def test_a_message_is_what_was_said() -> None:
    assert NamesItsModel("a").message == str(NamesItsModel("a")) == "no model a"
    assert InvalidArgument().message == "InvalidArgument"


def test_rewording_keeps_the_kind_and_the_arguments() -> None:
    reworded = NamesItsModel("a").reworded("no model a. There is b.")
    assert (type(reworded), reworded.model, reworded.message) == (
        NamesItsModel,
        "a",
        "no model a. There is b.",
    )
