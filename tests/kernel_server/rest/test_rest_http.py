"""The HTTP around the API: who may call, probes, CORS, limits, connections."""

import asyncio
import gzip
import json

import httpx
import pytest
from small_models import Serving, Start, until

from kernel_server.listening import AddressInUse
from kernel_server.rest.server import RestServer
from kernel_server.security.scopes import ALL, Scope
from kernel_server.security.tokens import Tokens
from kernel_server.turns import Turns

PREDICT = "/v1/models/half:predict"
ONE = json.dumps({"instances": [1]}).encode()
TOKEN = "correct-horse"
TOKENS = Tokens({TOKEN: ALL, "scraper": frozenset({Scope.METRICS})})


async def exchange(client: httpx.AsyncClient, sent: bytes) -> bytes:
    """What the server sends until it closes the connection or is silent for long."""
    reader, writer = await asyncio.open_connection(client.base_url.host, client.base_url.port)
    writer.write(sent)
    async with asyncio.timeout(10):
        received = await reader.read()
    writer.close()
    await writer.wait_closed()
    return received


def request(body: bytes = ONE, *headers: str) -> bytes:
    lines = [f"POST {PREDICT} HTTP/1.1", "Host: x", f"Content-Length: {len(body)}", *headers]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


LAST = "Connection: close"


class TestToken:
    async def test_calls_need_it(self, start: Start) -> None:
        client = await start(tokens=TOKENS)
        for headers in ({}, {"Authorization": "Bearer wrong"}, {"Authorization": TOKEN}):
            for reply in (
                await client.post(PREDICT, content=ONE, headers=headers),
                await client.get("/v1/models/half", headers=headers),
            ):
                assert reply.status_code == 401
                assert reply.headers["WWW-Authenticate"] == "Bearer"
                assert "Authorization" in reply.json()["error"]

    async def test_it_admits(self, start: Start) -> None:
        client = await start(tokens=TOKENS)
        reply = await client.post(PREDICT, content=ONE, headers={"Authorization": f"Bearer {TOKEN}"})
        assert reply.status_code == 200

    async def test_one_for_something_else_does_not(self, start: Start) -> None:
        client = await start(tokens=TOKENS)
        reply = await client.post(PREDICT, content=ONE, headers={"Authorization": "Bearer scraper"})
        assert reply.status_code == 403
        assert reply.headers["WWW-Authenticate"] == 'Bearer error="insufficient_scope", scope="infer"'
        assert "the scope 'infer'" in reply.json()["error"]

    async def test_bytes_that_are_no_text_are_refused(self, start: Start) -> None:
        client = await start(tokens=TOKENS)
        sent = request(ONE, LAST, "Authorization: Bearer ?").replace(b"?", b"\xff\xfe")
        assert (await exchange(client, sent)).startswith(b"HTTP/1.1 401 ")

    async def test_probes_need_none(self, start: Start) -> None:
        client = await start(tokens=TOKENS)
        assert (await client.get("/livez")).status_code == 200
        assert (await client.get("/readyz")).status_code == 200


class TestPaths:
    async def test_ready_is_asked_each_time(self, start: Start) -> None:
        states = iter([True, False])
        client = await start(is_ready=lambda: next(states))
        assert (await client.get("/readyz")).status_code == 200
        assert (await client.get("/readyz")).status_code == 503

    @pytest.mark.parametrize("path", ["/", "/v1", "/v3/models/half", "/favicon.ico"])
    async def test_elsewhere_there_is_nothing(self, client: httpx.AsyncClient, path: str) -> None:
        reply = await client.get(path)
        assert reply.status_code == 404
        assert reply.headers["Content-Type"].startswith("text/plain")

    @pytest.mark.parametrize("method", ["PUT", "DELETE", "PATCH"])
    async def test_other_methods(self, client: httpx.AsyncClient, method: str) -> None:
        reply = await client.request(method, PREDICT, content=ONE)
        assert reply.status_code == 400
        assert reply.json() == {"error": f"Malformed request: {method} {PREDICT}"}


class TestCors:
    async def test_off(self, client: httpx.AsyncClient) -> None:
        reply = await client.options(PREDICT, headers={"Origin": "http://localhost:8888"})
        assert (reply.status_code, reply.content) == (200, b"")
        assert not any(name.startswith("access-control") for name in reply.headers)

    async def test_on(self, start: Start) -> None:
        client = await start(cors=True)
        origin = {"Origin": "https://example.org"}
        replies = [
            await client.options(PREDICT, headers=origin),
            await client.post(PREDICT, content=ONE, headers=origin),
            await client.post(PREDICT, content=b"", headers=origin),
        ]
        assert [reply.status_code for reply in replies] == [200, 200, 400]
        for reply in replies:
            assert reply.headers["Access-Control-Allow-Origin"] == "*"
            assert reply.headers["Access-Control-Allow-Methods"] == "POST, GET"
            assert reply.headers["Access-Control-Allow-Headers"] == "Content-Type"

    async def test_a_page_may_send_the_token(self, start: Start) -> None:
        client = await start(cors=True, tokens=TOKENS)
        reply = await client.options(PREDICT, headers={"Origin": "https://example.org"})
        assert reply.status_code == 200
        assert reply.headers["Access-Control-Allow-Headers"] == "Content-Type, Authorization"

    @pytest.mark.parametrize("headers", [{}, {"Origin": "null"}])
    async def test_no_web_origin(self, client: httpx.AsyncClient, headers: dict[str, str]) -> None:
        reply = await client.options(PREDICT, headers=headers)
        assert (reply.status_code, reply.content) == (400, b"")


class TestBodyLimit:
    LIMIT = 10_000

    async def test_too_large_is_told_with_the_limit(self, start: Start) -> None:
        client = await start(max_body_bytes=self.LIMIT)
        reply = await client.post(PREDICT, content=ONE.ljust(self.LIMIT + 1))
        assert reply.status_code == 413
        assert f"limit of {self.LIMIT} bytes" in reply.json()["error"]
        assert (await client.post(PREDICT, content=ONE.ljust(self.LIMIT))).status_code == 200

    async def test_inflated_size_counts(self, start: Start) -> None:
        client = await start(max_body_bytes=self.LIMIT)
        bomb = gzip.compress(ONE.ljust(1_000_000))
        assert len(bomb) < self.LIMIT
        reply = await client.post(PREDICT, content=bomb, headers={"Content-Encoding": "gzip"})
        assert reply.status_code == 413

    async def test_without_a_length(self, start: Start) -> None:
        client = await start(max_body_bytes=self.LIMIT)
        chunks = "Transfer-Encoding: chunked"
        head = request(b"", chunks, LAST).replace(b"Content-Length: 0\r\n", b"")
        too_much = b"%x\r\n%b\r\n0\r\n\r\n" % (self.LIMIT + 1, b" " * (self.LIMIT + 1))
        assert (await exchange(client, head + too_much)).startswith(b"HTTP/1.1 413 ")
        enough = b"%x\r\n%b\r\n0\r\n\r\n" % (len(ONE), ONE)
        assert (await exchange(client, head + enough)).endswith(b'{"predictions":[2.5]}')

    async def test_a_client_that_asks_first(self, start: Start) -> None:
        client = await start(max_body_bytes=self.LIMIT)
        asking = request(ONE, "Expect: 100-continue", LAST)
        reply = await exchange(client, asking)
        assert reply.startswith(b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\n")
        assert reply.endswith(b'{"predictions":[2.5]}')


class TestConnections:
    async def test_one_serves_many_requests(self, client: httpx.AsyncClient) -> None:
        reply = await exchange(client, request() + request(b"") + request(ONE, LAST))
        assert reply.count(b"HTTP/1.1 200 OK") == 2
        assert reply.count(b"HTTP/1.1 400 Bad Request") == 1
        assert reply.endswith(b'{"predictions":[2.5]}')

    @pytest.mark.parametrize("sent", [b"\x16\x03\x01\r\n\r\n", b"POST\r\n\r\n", b"GET / HTTP/9.9\r\n\r\n"])
    async def test_what_is_no_http_is_refused_and_the_server_serves_on(
        self, client: httpx.AsyncClient, caplog: pytest.LogCaptureFixture, sent: bytes
    ) -> None:
        assert (await exchange(client, sent)).startswith(b"HTTP/1.1 400 ")
        assert not caplog.records
        assert (await client.post(PREDICT, content=ONE)).status_code == 200


class TestLifeCycle:
    async def test_port_in_use(self, client: httpx.AsyncClient, serving: Serving) -> None:
        host, port = client.base_url.host, client.base_url.port
        assert port is not None
        with pytest.raises(AddressInUse, match=f"{host}:{port}.*--rest_api_port"):
            await RestServer(serving.handlers, turns=Turns(), host=host, port=port).start()

    async def test_stop_closes_idle_connections_and_the_port(self, serving: Serving) -> None:
        server = RestServer(serving.handlers, turns=Turns(), host="127.0.0.1", port=0)
        port = await server.start()
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(request())
        await reader.readuntil(b'{"predictions":[2.5]}')
        async with asyncio.timeout(10):
            await server.stop(10)
            assert await reader.read() == b""
        writer.close()
        with pytest.raises(ConnectionRefusedError):
            await asyncio.open_connection("127.0.0.1", port)

    async def test_stop_lets_a_running_request_finish(self, serving: Serving) -> None:
        server = RestServer(serving.handlers, turns=Turns(), host="127.0.0.1", port=0)
        url = f"http://127.0.0.1:{await server.start()}{PREDICT}"
        body = json.dumps({"instances": [1], "signature_name": "stuck"}).encode()
        async with httpx.AsyncClient(timeout=30) as client, asyncio.timeout(20):
            running = asyncio.create_task(client.post(url, content=body))
            await until(lambda: serving.in_flight == 1)
            stopping = asyncio.create_task(server.stop(10))
            serving.release.set()
            assert (await running).json() == {"predictions": [1.0]}
            await stopping

    async def test_stop_cuts_off_what_outlasts_its_grace(self, serving: Serving) -> None:
        server = RestServer(serving.handlers, turns=Turns(), host="127.0.0.1", port=0)
        url = f"http://127.0.0.1:{await server.start()}{PREDICT}"
        body = json.dumps({"instances": [1], "signature_name": "stuck"}).encode()
        async with httpx.AsyncClient(timeout=30) as client, asyncio.timeout(20):
            running = asyncio.create_task(client.post(url, content=body))
            await until(lambda: serving.in_flight == 1)
            await server.stop(0.05)
            with pytest.raises(httpx.RemoteProtocolError):
                await running

    async def test_stop_before_start_and_twice(self, serving: Serving) -> None:
        server = RestServer(serving.handlers, turns=Turns(), host="127.0.0.1", port=0)
        await server.stop()
        await server.start()
        await server.stop()
        await server.stop()
