"""A server that asks for client certificates and tokens, on TCP, on a Unix socket and for REST."""

from __future__ import annotations

import ssl
from collections.abc import Callable, Iterator
from pathlib import Path

import grpc
import httpx
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha.proto_reflection_descriptor_database import ProtoReflectionDescriptorDatabase
from support.certificates import Authority, Pair, make_authority
from support.servers import Server, until
from support.stubs import TIMEOUT, Client, refused
from tritonclient.grpc import service_pb2, service_pb2_grpc

from kernel_server.rpc import control_pb2 as pb
from kernel_server.security.scopes import NEEDED

TOKEN = "a-token-for-this-test"
BEARER = [("authorization", f"Bearer {TOKEN}")]
ASKER, SCRAPER = [("authorization", "Bearer asker")], [("authorization", "Bearer scraper")]


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return make_authority(tmp_path_factory.mktemp("certificates"))


@pytest.fixture(scope="module")
def guarded(
    authority: Authority, models: dict[str, Path], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Server]:
    folder = tmp_path_factory.mktemp("guarded")
    (folder / "ssl.txt").write_text(authority.ssl_config(client_verify=True))
    (folder / "token").write_text(f"infer asker\nmetrics scraper\n{TOKEN}\n")
    server = Server(
        folder,
        model_name="half",
        model_base_path=models["half"],
        ssl_config_file=folder / "ssl.txt",
        token_file=folder / "token",
        grpc_socket_path=folder / "grpc.sock",
        rest_api_port="auto",
        rest_api_ssl=True,
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
    message = "The Authorization header does not" if metadata else "This server asks for a token"
    calls: list[Callable[[], object]] = [
        lambda: client.predict("half", [1]),
        lambda: client.status("half"),
        client.reload,
        lambda: next(client.control.WatchStatistics(pb.WatchStatisticsRequest(), metadata=metadata)),
    ]
    for call in calls:
        with refused(grpc.StatusCode.UNAUTHENTICATED, message):
            call()


def test_tokens_admit_to_their_scopes_only(channel: grpc.Channel) -> None:
    asker, scraper = Client(channel, ASKER), Client(channel, SCRAPER)
    assert asker.predict("half", [1])["y"].tolist() == [3.5]
    assert asker.status("half")
    scraper.control.GetStatistics(pb.GetStatisticsRequest(), metadata=SCRAPER)
    with refused(grpc.StatusCode.PERMISSION_DENIED, "This call needs a token with the scope 'admin'"):
        asker.reload()
    with refused(grpc.StatusCode.PERMISSION_DENIED, "This call needs a token with the scope 'infer'"):
        scraper.predict("half", [1])
    with refused(grpc.StatusCode.PERMISSION_DENIED, "This call needs a token with the scope 'metrics'"):
        asker.control.GetStatistics(pb.GetStatisticsRequest(), metadata=ASKER)


def test_a_large_request_is_refused_before_it_is_read(channel: grpc.Channel) -> None:
    send = channel.unary_unary("/tensorflow.serving.PredictionService/Predict")
    with refused(grpc.StatusCode.UNAUTHENTICATED, "This server asks for a token"):
        send(bytes(100 << 20), timeout=TIMEOUT)


def test_open_inference_asks_for_the_same(channel: grpc.Channel) -> None:
    stub = service_pb2_grpc.GRPCInferenceServiceStub(channel)
    with refused(grpc.StatusCode.UNAUTHENTICATED, ""):
        stub.ModelInfer(service_pb2.ModelInferRequest(model_name="half"), TIMEOUT)
    with refused(grpc.StatusCode.PERMISSION_DENIED, ""):
        stub.ModelMetadata(service_pb2.ModelMetadataRequest(name="half"), TIMEOUT, metadata=SCRAPER)
    assert stub.ModelMetadata(service_pb2.ModelMetadataRequest(name="half"), TIMEOUT, metadata=ASKER)
    assert stub.ServerLive(service_pb2.ServerLiveRequest(), TIMEOUT).live
    assert stub.ServerReady(service_pb2.ServerReadyRequest(), TIMEOUT).ready
    assert stub.ModelReady(service_pb2.ModelReadyRequest(name="half"), TIMEOUT).ready


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


def rest_client(guarded: Server, authority: Authority, own: Pair | None) -> httpx.Client:
    trust = ssl.create_default_context(cafile=str(authority.certificate))
    if own is not None:
        trust.load_cert_chain(own.certificate, own.key)
    return httpx.Client(base_url=guarded.state["rest_address"], verify=trust, timeout=TIMEOUT)


def test_rest_asks_for_the_same(guarded: Server, authority: Authority) -> None:
    path = "/v1/models/half"
    with rest_client(guarded, authority, authority.client) as client:
        assert client.base_url.scheme == "https"
        for probe in ("/readyz", "/v2/health/live", "/v2/health/ready", "/v2/models/half/ready"):
            assert client.get(probe).status_code == 200
        for described in (path, "/v2", "/v2/models/half"):
            assert client.get(described).status_code == 401
        assert client.get(path, headers={"Authorization": "Bearer scraper"}).status_code == 403
        assert client.get(path, headers={"Authorization": "Bearer asker"}).status_code == 200
        assert client.get("/metrics", headers={"Authorization": "Bearer asker"}).status_code == 403
        assert client.get("/metrics", headers={"Authorization": "Bearer scraper"}).status_code == 200


def test_rest_without_a_certificate(guarded: Server, authority: Authority) -> None:
    with rest_client(guarded, authority, None) as client, pytest.raises(httpx.TransportError):
        client.get("/readyz")
    plain = guarded.state["rest_address"].replace("https", "http")
    with pytest.raises(httpx.TransportError):
        httpx.get(f"{plain}/readyz")


def test_unless_told_rest_is_plain(
    authority: Authority, models: dict[str, Path], start_server: Callable[..., Server], tmp_path: Path
) -> None:
    (tmp_path / "ssl.txt").write_text(authority.ssl_config(client_verify=True))
    flags = {"model_base_path": models["half"], "ssl_config_file": tmp_path / "ssl.txt"}
    server = start_server(**flags, rest_api_port="auto").wait_until_ready()
    assert httpx.get(f"{server.state['rest_address']}/readyz").status_code == 200


def test_the_state_file_tells_the_token_for_everything(guarded: Server) -> None:
    assert guarded.state["token"] == TOKEN


def test_the_file_of_tokens_is_followed(guarded: Server, channel: grpc.Channel) -> None:
    file, newcomer = (
        guarded.state_path.with_name("token"),
        Client(channel, [("authorization", "Bearer newer")]),
    )
    before = file.read_text()
    file.write_text(f"newer\n{before}")
    until(lambda: guarded.state["token"] == "newer", "the new token is in force")
    assert newcomer.predict("half", [1])["y"].tolist() == [3.5]
    file.write_text(before)
    until(lambda: guarded.state["token"] == TOKEN, "the new token is revoked")
    with refused(grpc.StatusCode.UNAUTHENTICATED, ""):
        newcomer.predict("half", [1])


def test_every_method_is_in_the_table(guarded: Server, channel: grpc.Channel) -> None:
    database = ProtoReflectionDescriptorDatabase(channel)
    served = {
        f"/{service.name if not file.package else f'{file.package}.{service.name}'}/{method.name}"
        for file in map(database.FindFileContainingSymbol, database.get_services())
        for service in file.service
        for method in service.method
    }
    assert served <= NEEDED.keys()
