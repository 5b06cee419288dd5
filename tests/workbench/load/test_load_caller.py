"""Calls to real servers: ours, gone, refusing, and of the wrong kind."""

from __future__ import annotations

import http.server
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import grpc
import pytest

from workbench.load.caller import Caller, Outcome, TargetUnreachable, clock

ECHO = "/test/Echo"


class Echo(grpc.GenericRpcHandler):
    """Answers a request with its own bytes, and ``fail`` with an error."""

    def __init__(self) -> None:
        self.released = threading.Event()
        self.released.set()
        self.metadata: dict[str, str] = {}

    def service(self, details: grpc.HandlerCallDetails) -> grpc.RpcMethodHandler:
        self.metadata = dict(details.invocation_metadata)
        return grpc.unary_unary_rpc_method_handler(self._echo)

    def _echo(self, request: bytes, context: grpc.ServicerContext) -> bytes:
        if request == b"fail":
            context.abort(grpc.StatusCode.RESOURCE_EXHAUSTED, "queue full: 10 batches")
        self.released.wait(30)
        return request


Serve = Callable[[str], grpc.Server]


@pytest.fixture
def echo() -> Echo:
    return Echo()


@pytest.fixture
def serve(echo: Echo) -> Iterator[Serve]:
    servers = []

    def start(address: str) -> grpc.Server:
        server = grpc.server(ThreadPoolExecutor(8), options=[("grpc.max_receive_message_length", -1)])
        server.add_generic_rpc_handlers((echo,))
        server.bound_port = server.add_insecure_port(address)
        server.start()
        servers.append(server)
        return server

    yield start
    echo.released.set()
    for server in servers:
        server.stop(None).wait()


@pytest.fixture
def call(tmp_path: Path) -> Iterator[Callable[..., Caller]]:
    callers = []

    def make(target: str, connections: int = 2, deadline: float = 10.0, **options: object) -> Caller:
        caller = Caller(target, ECHO, connections=connections, deadline=deadline, **options)
        callers.append(caller)
        return caller

    yield make
    for caller in callers:
        caller.close()


def collect(caller: Caller, count: int, seconds: float = 20.0) -> list[Outcome]:
    outcomes: list[Outcome] = []
    limit = clock() + seconds
    while len(outcomes) < count and clock() < limit:
        outcomes += caller.poll(min(limit, clock() + 0.1))
    return outcomes


@pytest.mark.parametrize("kind", ["tcp", "unix"])
def test_many_calls_come_back_each_with_its_own_bytes(
    kind: str, serve: Serve, call: Callable[..., Caller], tmp_path: Path
) -> None:
    server = serve("127.0.0.1:0" if kind == "tcp" else f"unix:{tmp_path}/s")
    caller = call(f"127.0.0.1:{server.bound_port}" if kind == "tcp" else f"unix:{tmp_path}/s")
    caller.connect()
    bodies = [bytes([number]) * (number * 40) for number in range(200)]

    for number, body in enumerate(bodies):
        assert caller.send(body, number, clock()) is not None
    outcomes = collect(caller, len(bodies))

    assert sorted(outcome.call.request for outcome in outcomes) == list(range(200))
    assert all(outcome.status == 0 and outcome.body == bodies[outcome.call.request] for outcome in outcomes)
    assert all(outcome.received >= outcome.call.sent >= outcome.call.scheduled for outcome in outcomes)


def test_messages_far_larger_than_any_window(serve: Serve, call: Callable[..., Caller]) -> None:
    caller = call(f"127.0.0.1:{serve('127.0.0.1:0').bound_port}")
    caller.connect()
    bodies = [bytes(range(256)) * 12_000, b"small", b"z" * 1_000_000]

    for number, body in enumerate(bodies):
        caller.send(body, number, clock())

    assert {outcome.call.request: outcome.body for outcome in collect(caller, 3)} == dict(enumerate(bodies))


def test_errors_carry_status_and_message(serve: Serve, call: Callable[..., Caller]) -> None:
    caller = call(f"127.0.0.1:{serve('127.0.0.1:0').bound_port}")
    caller.connect()
    caller.send(b"fail", 0, clock())

    (outcome,) = collect(caller, 1)

    assert (outcome.status, outcome.message, outcome.body) == (8, "queue full: 10 batches", b"")


def test_metadata_and_deadline_reach_the_server(
    echo: Echo, serve: Serve, call: Callable[..., Caller]
) -> None:
    target = f"127.0.0.1:{serve('127.0.0.1:0').bound_port}"
    caller = call(target, metadata=[("authorization", "Bearer t")])
    caller.connect()
    caller.send(b"", 0, clock())
    collect(caller, 1)

    assert echo.metadata["authorization"] == "Bearer t"


def test_a_call_past_its_deadline_ends_without_its_reply(
    echo: Echo, serve: Serve, call: Callable[..., Caller]
) -> None:
    caller = call(f"127.0.0.1:{serve('127.0.0.1:0').bound_port}", deadline=0.2)
    caller.connect()
    echo.released.clear()
    caller.send(b"slow", 0, clock())

    (outcome,) = collect(caller, 1)

    assert outcome.status == 4
    echo.released.set()
    assert collect(caller, 1, seconds=0.3) == []


def test_calls_in_flight_can_be_given_up(echo: Echo, serve: Serve, call: Callable[..., Caller]) -> None:
    caller = call(f"127.0.0.1:{serve('127.0.0.1:0').bound_port}")
    caller.connect()
    echo.released.clear()
    for number in range(3):
        caller.send(b"slow", number, clock())

    assert sorted(given_up.request for given_up in caller.abandon()) == [0, 1, 2]
    echo.released.set()
    assert collect(caller, 1, seconds=0.3) == []


def test_a_lost_server_fails_its_calls_and_is_found_again(
    echo: Echo, serve: Serve, call: Callable[..., Caller], tmp_path: Path
) -> None:
    server = serve(f"unix:{tmp_path}/s")
    caller = call(f"unix:{tmp_path}/s")
    caller.connect()
    echo.released.clear()
    caller.send(b"one", 1, clock())
    collect(caller, 1, seconds=0.2)
    stopped = server.stop(None)
    echo.released.set()
    (lost,) = collect(caller, 1)
    stopped.wait()
    assert lost.status in (1, 14)

    serve(f"unix:{tmp_path}/s")
    limit = clock() + 20
    answered: list[Outcome] = []
    while clock() < limit and not any(outcome.status == 0 for outcome in answered):
        caller.send(b"two", 2, clock())
        answered += caller.poll(clock() + 0.05)
    assert answered[-1].body == b"two"


def test_calls_without_a_connection_fail_at_once(serve: Serve, call: Callable[..., Caller]) -> None:
    server = serve("127.0.0.1:0")
    caller = call(f"127.0.0.1:{server.bound_port}", connections=1)
    caller.connect()
    server.stop(None).wait()
    limit = clock() + 20
    outcomes: list[Outcome] = []
    while clock() < limit and not any("no connection" in outcome.message for outcome in outcomes):
        caller.send(b"", 0, clock())
        outcomes += caller.poll(clock() + 0.01)

    assert outcomes[-1].status == 14
    assert "no connection" in outcomes[-1].message


@pytest.mark.parametrize("target", ["127.0.0.1:1", "unix:/nonexistent/socket"])
def test_a_target_that_is_not_there_is_told_with_the_reason(target: str, call: Callable[..., Caller]) -> None:
    with pytest.raises(
        TargetUnreachable, match=rf"no gRPC server answers at {target}: (Connection refused|No such)"
    ):
        call(target).connect(timeout=0.3)


def test_an_http_port_is_recognised_as_the_wrong_one(call: Callable[..., Caller]) -> None:
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), http.server.BaseHTTPRequestHandler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.05,))
        thread.start()
        try:
            with pytest.raises(TargetUnreachable, match="is this a gRPC port"):
                call(f"127.0.0.1:{server.server_port}", connections=1).connect(timeout=2.0)
        finally:
            server.shutdown()
            thread.join()
