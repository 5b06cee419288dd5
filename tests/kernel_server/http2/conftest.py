"""A server of small methods, shared by tests that leave it as it is; nothing may crash it."""

from __future__ import annotations

from collections.abc import Iterator

import grpc
import pytest
from support.loop_server import ECHO, TALK, LoopServer, Small
from support.raw_client import RawClient
from support.stubs import TIMEOUT


@pytest.fixture(scope="module")
def methods() -> Small:
    """What the server does."""
    return Small()


@pytest.fixture
def small(methods: Small) -> Small:
    """The state behind the methods, in lists that late news of an earlier test's calls do not reach."""
    methods.held = []
    methods.given_up = []
    return methods


@pytest.fixture(scope="module")
def server(methods: Small) -> Iterator[LoopServer]:
    """Serves the methods on TCP."""
    running = LoopServer(methods.methods(), conversations=[TALK])
    yield running
    running.close()


@pytest.fixture(scope="module")
def channel(server: LoopServer) -> Iterator[grpc.Channel]:
    """A stock client of the server, without limits of its own."""
    unlimited = [("grpc.max_receive_message_length", -1), ("grpc.max_send_message_length", -1)]
    with grpc.insecure_channel(server.target, unlimited) as channel:
        yield channel


@pytest.fixture
def neighbour(channel: grpc.Channel) -> Iterator[None]:
    """Another client, which must be served before, and after whatever the test does."""
    echo = channel.unary_unary(ECHO)
    assert echo(b"before", timeout=TIMEOUT) == b"before"
    yield
    assert echo(b"after", timeout=TIMEOUT) == b"after"


@pytest.fixture
def raw(server: LoopServer) -> Iterator[RawClient]:
    """A connection of one's own, greeted."""
    with RawClient(server.address) as client:
        yield client
