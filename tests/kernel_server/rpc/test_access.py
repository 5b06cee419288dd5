"""A server that asks for a client certificate and a token, on TCP and on a Unix socket."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import grpc
import httpx
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc
from support.certificates import Authority, Pair, make_authority
from support.servers import Server
from support.stubs import TIMEOUT, Client, refused

from kernel_server.rpc import control_pb2 as pb

TOKEN = "a-token-for-this-test"
BEARER = [("authorization", f"Bearer {TOKEN}")]


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return make_authority(tmp_path_factory.mktemp("certificates"))


@pytest.fixture(scope="module")
def guarded(
    authority: Authority, models: dict[str, Path], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Server]:
    folder = tmp_path_factory.mktemp("guarded")
    (folder / "ssl.txt").write_text(authority.ssl_config(client_verify=True))
    (folder / "token").write_text(TOKEN)
    server = Server(
        folder,
        model_name="half",
        model_base_path=models["half"],
        ssl_config_file=folder / "ssl.txt",
        token_file=folder / "token",
        grpc_socket_path=folder / "grpc.sock",
        rest_api_port="auto",
    )
    try:
        yield server.wait_until_ready()
    finally:
        server.close()


def credentials(authority: Authority, own: Pair | None) -> grpc.ChannelCredentials:
    roots = authority.certificate.read_bytes()
    if own is None:
        return grpc.ssl_channel_credentials(roots)
    return grpc.ssl_channel_credentials(roots, own.key.read_bytes(), own.certificate.read_bytes())


@pytest.fixture(scope="module")
def channel(guarded: Server, authority: Authority) -> grpc.Channel:
    return guarded.channel(credentials(authority, authority.client))


def test_with_certificate_and_token(channel: grpc.Channel) -> None:
    assert Client(channel, BEARER).predict("half", [1])["y"].tolist() == [3.5]


@pytest.mark.parametrize("metadata", [[], [("authorization", "Bearer guess")], [("authorization", TOKEN)]])
def test_without_the_token(channel: grpc.Channel, metadata: list[tuple[str, str]]) -> None:
    client = Client(channel, metadata)
    message = "This server needs the metadata 'authorization: Bearer <token>' with its token."
    calls: list[Callable[[], object]] = [
        lambda: client.predict("half", [1]),
        lambda: client.status("half"),
        client.reload,
        lambda: next(client.control.WatchStatistics(pb.WatchStatisticsRequest(), metadata=metadata)),
    ]
    for call in calls:
        with refused(grpc.StatusCode.UNAUTHENTICATED, message):
            call()


def test_a_large_request_is_refused_before_it_is_read(channel: grpc.Channel) -> None:
    send = channel.unary_unary("/tensorflow.serving.PredictionService/Predict")
    with refused(grpc.StatusCode.UNAUTHENTICATED, "This server needs the metadata"):
        send(bytes(100 << 20), timeout=TIMEOUT)


def test_probes_need_no_token(channel: grpc.Channel) -> None:
    reply = health_pb2_grpc.HealthStub(channel).Check(health_pb2.HealthCheckRequest(), TIMEOUT)
    assert reply.status == health_pb2.HealthCheckResponse.SERVING


def test_without_a_certificate(guarded: Server, authority: Authority) -> None:
    for strange in (guarded.channel(credentials(authority, None)), guarded.channel()):
        with refused(grpc.StatusCode.UNAVAILABLE, ""):
            Client(strange, BEARER).predict("half", [1])


def test_the_socket_asks_for_the_same(guarded: Server, authority: Authority) -> None:
    address = f"unix:{guarded.state['grpc_socket']}"
    options = [("grpc.ssl_target_name_override", "localhost"), ("grpc.default_authority", "localhost")]
    with grpc.secure_channel(address, credentials(authority, authority.client), options) as channel:
        assert Client(channel, BEARER).predict("half", [1])["y"].tolist() == [3.5]
        with refused(grpc.StatusCode.UNAUTHENTICATED, ""):
            Client(channel).predict("half", [1])


def test_rest_is_never_tls_and_asks_for_the_token(guarded: Server) -> None:
    address = f"{guarded.state['rest_address']}/v1/models/half"
    assert httpx.get(address).status_code == 401
    assert httpx.get(address, headers={"Authorization": f"Bearer {TOKEN}"}).status_code == 200


def test_the_state_file_tells_the_token(guarded: Server) -> None:
    assert guarded.state["token"] == TOKEN
