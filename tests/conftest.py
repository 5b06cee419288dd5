"""What all tests share: small models, server processes, and the proof that nothing is left at the end."""

from __future__ import annotations

import itertools
import os
import uuid
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from support import leftovers
from support.saved_models import export_all
from support.servers import Server

StartServer = Callable[..., Server]
"""Starts a server with the given flags, and does not wait for it."""

PATIENCE_AT_THE_END = 20.0
"""Seconds that processes get to end by themselves after the last test."""


@pytest.fixture(scope="session", autouse=True)
def nothing_is_left(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """At the end no process that any test has started may run, and no socket may lie around."""
    os.environ[leftovers.MARK] = uuid.uuid4().hex
    yield
    processes = leftovers.end(leftovers.processes_after(PATIENCE_AT_THE_END))
    sockets = leftovers.sockets(tmp_path_factory.getbasetemp())
    del os.environ[leftovers.MARK]
    assert (processes, sockets) == ([], [])


@pytest.fixture(scope="session")
def models(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Base paths of small SavedModels by name; see :mod:`support.saved_models`. Leave them as they are."""
    return export_all(tmp_path_factory.mktemp("saved_models"))


@pytest.fixture
def start_server(tmp_path: Path) -> Iterator[StartServer]:
    """Starts servers with the given flags; they must end in order when the test does."""
    numbers = itertools.count()
    with ExitStack() as servers:

        def start(**flags: object) -> Server:
            server = Server(tmp_path / f"server{next(numbers)}", **flags)
            servers.callback(server.close)
            return server

        yield start
