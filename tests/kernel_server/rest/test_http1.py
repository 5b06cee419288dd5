"""HTTP/1.1 byte by byte: what is a request, whose turn it is, who is sent away and when."""

import asyncio
from collections.abc import AsyncIterator

import pytest
from small_models import until
from small_service import Place, Small, small_service

from kernel_server.rest.http1.connection import IDLE_SECONDS, LINGER_SECONDS, STALL_SECONDS
from kernel_server.rest.http1.exchange import Reply
from kernel_server.rest.http1.incoming import MOST_HEAD_BYTES

POST = b"POST /a HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nhello"
CHUNKED = (
    b"POST /a HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
    b"2\r\nhe\r\n3;x=y\r\nllo\r\n0\r\nT: v\r\n\r\n"
)
HOLD = b"GET /hold HTTP/1.1\r\nHost: x\r\n\r\n"
ANSWER = (200, b"POST /a hello")


def get(target: str, *headers: str, version: str = "1.1") -> bytes:
    return "\r\n".join([f"GET {target} HTTP/{version}", "Host: x", *headers, "", ""]).encode()


def post(size: int, *headers: str, path: str = "/a") -> bytes:
    lines = [f"POST {path} HTTP/1.1", "Host: x", f"Content-Length: {size}", *headers, "", ""]
    return "\r\n".join(lines).encode()


@pytest.fixture
async def place() -> AsyncIterator[Place]:
    async with small_service() as found:
        yield found


class TestRequests:
    @pytest.mark.parametrize("request_", [POST, CHUNKED])
    async def test_they_may_come_in_any_pieces(self, place: Place, request_: bytes) -> None:
        talk = await place.talk()
        assert await talk.ask(*(request_[at : at + 1] for at in range(len(request_)))) == ANSWER
        for cut in range(1, len(request_), 7):
            assert await talk.ask(request_[:cut], request_[cut:]) == ANSWER
        assert len(place.connections) == 1

    @pytest.mark.parametrize(
        ("target", "path"),
        [
            ("/v1/models/a%2Fb%C3%BC?x=/y#z", "/v1/models/a%2Fb%C3%BC"),
            ("http://else.where:80/a/b?c", "/a/b"),
            ("http://else.where", "/"),
            ("*", "*"),
            ("//a", "//a"),
        ],
    )
    async def test_paths_are_as_sent_and_without_their_query(
        self, place: Place, target: str, path: str
    ) -> None:
        talk = await place.talk()
        assert await talk.ask(get(target)) == (200, f"GET {path} ".encode())

    async def test_headers_of_one_name_are_joined(self, place: Place) -> None:
        talk = await place.talk()
        await talk.ask(get("/a", "X-Some: 1", "x-sOME:2", "Empty:"))
        headers = place.service.begun[0].headers
        assert headers == {b"host": b"x", b"x-some": b"1, 2", b"empty": b""}

    async def test_a_protocol_that_is_not_spoken_is_not_switched_to(self, place: Place) -> None:
        talk = await place.talk()
        upgrade = ("Connection: Upgrade, HTTP2-Settings", "Upgrade: h2c", "HTTP2-Settings: AAA")
        for request in (
            post(5, *upgrade) + b"hello",
            CHUNKED.replace(b"Host: x", "\r\n".join(upgrade).encode()),
        ):
            assert await talk.ask(request + POST) == ANSWER
            assert await talk.ask() == ANSWER
        assert await talk.ask(get("/b", *upgrade)) == (200, b"GET /b ")

    @pytest.mark.parametrize(
        "sent",
        [
            b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
            b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
            b"BREW /pot HTTP/1.1\r\n\r\n",
            b"CONNECT else.where:80 HTTP/1.1\r\n\r\n",
            b"GET / HTTP/1.1\nHost: x\n\n",
            b"GET / HTTP/1.1\r\nno colon\r\n\r\n",
            b"GET / HTTP/1.1\r\nA: b\r\n folded\r\n\r\n",
            b"GET /\xff HTTP/1.1\r\n\r\n",
            b"GET :::bad HTTP/1.1\r\n\r\n",
            b"POST / HTTP/1.1\r\nContent-Length: -1\r\n\r\n",
            b"POST / HTTP/1.1\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n",
            b"POST / HTTP/1.1\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n",
            b"POST / HTTP/1.1\r\nTransfer-Encoding: gzip\r\n\r\n",
            b"POST / HTTP/1.1\r\nContent-Length: 99999999999999999999\r\n\r\n",
            CHUNKED.replace(b"2\r\nhe", b"two\r\nhe"),
            CHUNKED.replace(b"2\r\nhe", b"-2\r\nhe"),
            CHUNKED.replace(b"2\r\nhe", b"1\r\nhe"),
            CHUNKED.replace(b"2\r\nhe", b"fffffffffffffffff\r\nhe"),
        ],
    )
    async def test_what_is_none_is_refused(self, place: Place, sent: bytes) -> None:
        talk = await place.talk()
        status, body = await talk.ask(sent)
        assert status == 400
        assert body.startswith(b"This is no HTTP/1.1 request: ")
        assert await talk.is_sent_away()
        assert place.service.begun == []

    @pytest.mark.parametrize("request_", [POST, CHUNKED])
    async def test_half_a_request_is_none(self, place: Place, request_: bytes) -> None:
        for cut in (1, 20, len(request_) - 1):
            talk = await place.talk()
            await talk.say(request_[:cut])
            talk.stop_sending()
            assert await talk.is_sent_away()
        assert place.service.begun == []


class TestLimits:
    @pytest.mark.parametrize(
        "sent",
        [
            get("/" + "a" * MOST_HEAD_BYTES),
            get("/", "A: " + "a" * MOST_HEAD_BYTES),
            get("/", *(f"Header-{number}: value" for number in range(5000))),
            b"GET /" + b"a" * 10 * MOST_HEAD_BYTES,
            b"GET / HTTP/1.1\r\nA: " + b"a" * 10 * MOST_HEAD_BYTES,
        ],
        ids=["target", "header", "headers", "endless target", "endless header"],
    )
    async def test_of_the_head(self, place: Place, sent: bytes) -> None:
        talk = await place.talk()
        status, body = await talk.ask(sent)
        assert (status, f"limit of {MOST_HEAD_BYTES} bytes" in body.decode()) == (431, True)
        assert await talk.is_sent_away()

    async def test_a_head_may_be_long(self, place: Place) -> None:
        talk = await place.talk()
        assert (await talk.ask(get("/a", "A: " + "a" * (MOST_HEAD_BYTES - 100))))[0] == 200

    async def test_a_body_that_is_announced_too_large_need_not_come(self, place: Place) -> None:
        talk = await place.talk()
        assert (await talk.ask(post(Small.most_bytes + 1)))[0] == 413
        assert await talk.is_sent_away()

    async def test_a_client_may_send_it_all_and_read_afterwards(self, place: Place) -> None:
        talk = await place.talk()
        chunk = b"10000\r\n" + bytes(0x10000) + b"\r\n"
        head = CHUNKED[: CHUNKED.index(b"2\r\nhe")]
        assert (await talk.ask(head, *[chunk] * 100))[0] == 413
        assert await talk.is_sent_away()
        assert place.service.begun == []

    async def test_a_body_may_be_as_large_as_said(self, place: Place) -> None:
        talk = await place.talk()
        body = bytes(Small.most_bytes)
        assert await talk.ask(post(len(body)) + body) == (200, b"POST /a " + body)


class TestExpectations:
    async def test_the_body_is_asked_for(self, place: Place) -> None:
        talk = await place.talk()
        assert (await talk.ask(post(5, "Expect: 100-continue")))[0] == 100
        assert await talk.ask(b"hello") == ANSWER

    @pytest.mark.parametrize(("size", "path", "status"), [(200_000, "/a", 413), (5, "/secret", 401)])
    async def test_but_not_when_it_would_be_refused(
        self, place: Place, size: int, path: str, status: int
    ) -> None:
        talk = await place.talk()
        assert (await talk.ask(post(size, "Expect: 100-continue", path=path)))[0] == status
        assert await talk.is_sent_away()


class TestReplies:
    async def test_their_heads(self, place: Place) -> None:
        talk = await place.talk()
        await talk.say(get("/a"))
        _, headers, body = await talk.hear()
        assert headers.pop("Date").endswith(" GMT")
        assert headers == {"Content-Type": "text/plain; charset=utf-8", "Content-Length": str(len(body))}

    async def test_large_ones_are_whole(self, place: Place) -> None:
        talk = await place.talk()
        assert await talk.ask(get("/give/5000000")) == (200, bytes(5_000_000))

    async def test_to_head_requests_have_no_body(self, place: Place) -> None:
        talk = await place.talk()
        await talk.say(get("/give/10").replace(b"GET", b"HEAD"))
        status, headers, _ = await talk.hear(with_body=False)
        assert (status, headers["Content-Length"]) == (200, "10")
        assert await talk.ask(POST) == ANSWER

    @pytest.mark.parametrize(
        ("version", "header", "connection"),
        [
            ("1.1", "Connection: keep-alive", None),
            ("1.1", "Connection: close", "close"),
            ("1.0", "Connection: keep-alive", "keep-alive"),
            ("1.0", "Accept: */*", "close"),
        ],
    )
    async def test_say_whether_the_connection_goes_on(
        self, place: Place, version: str, header: str, connection: str | None
    ) -> None:
        talk = await place.talk()
        await talk.say(get("/a", header, version=version))
        _, headers, _ = await talk.hear()
        assert headers.get("Connection") == connection
        if connection == "close":
            assert await talk.is_sent_away()
        else:
            assert await talk.ask(POST) == ANSWER


class TestTurns:
    async def test_replies_come_in_the_order_of_requests(self, place: Place) -> None:
        talk = await place.talk()
        await talk.say(HOLD + POST + HOLD + get("/last", "Connection: close") + POST)
        service = place.service
        for turn in (1, 2):
            await until(lambda turn=turn: len(service.held) == turn)  # type: ignore[misc]
            assert len(service.begun) == 2 * turn - 1
            service.answer_held()
        replies = [await talk.hear() for _ in range(4)]
        assert [body for *_, body in replies] == [b"held", b"POST /a hello", b"held", b"GET /last "]
        assert await talk.is_sent_away()

    async def test_thousands_may_come_at_once(self, place: Place) -> None:
        talk = await place.talk()
        await talk.say(POST * 3000)
        assert {await talk.ask() for _ in range(3000)} == {ANSWER}

    async def test_what_is_no_request_waits_for_its_turn(self, place: Place) -> None:
        talk = await place.talk()
        await talk.say(POST + HOLD + b"nonsense\r\n\r\n")
        assert await talk.ask() == ANSWER
        await until(lambda: place.service.held != [])
        place.service.answer_held()
        assert (await talk.ask())[0] == 200
        assert (await talk.ask())[0] == 400
        assert await talk.is_sent_away()

    async def test_a_client_that_reads_nothing_gets_nothing_more(self, place: Place) -> None:
        talk = await place.talk()
        await talk.say(get("/give/20000000") * 3)
        await until(lambda: place.service.begun != [])
        assert len(place.service.begun) == 1
        for _ in range(3):
            assert len((await talk.ask())[1]) == 20_000_000


class TestLeaving:
    @pytest.mark.parametrize("politely", [True, False])
    async def test_a_client_that_leaves_is_noticed(self, place: Place, politely: bool) -> None:
        talk = await place.talk()
        await talk.say(HOLD)
        await until(lambda: place.service.held != [])
        if politely:
            talk.stop_sending()
        else:
            await talk.close()
        await until(lambda: place.service.gone == place.service.held)
        assert not place.service.held[0].reply(Reply(b"late"))
        await until(lambda: not place.connections)

    async def test_what_it_had_asked_besides_is_not_begun(self, place: Place) -> None:
        talk = await place.talk()
        await talk.say(HOLD + HOLD)
        await until(lambda: place.service.held != [])
        await talk.close()
        (connection,) = place.connections
        connection.abort()
        await until(lambda: place.service.gone != [])
        assert len(place.service.begun) == 1

    async def test_a_server_that_leaves_finishes_what_has_begun(self, place: Place) -> None:
        idle, busy, beginning = [await place.talk() for _ in range(3)]
        await busy.say(HOLD)
        await beginning.say(POST[:-1])
        await until(lambda: place.service.held != [] and _begun(place) == 1)
        for connection in list(place.connections):
            connection.leave()
        assert await idle.is_sent_away()
        place.service.answer_held()
        await beginning.say(POST[-1:])
        for talk in (busy, beginning):
            status, headers, _ = await talk.hear()
            assert (status, headers["Connection"]) == (200, "close")
            assert await talk.is_sent_away()


class TestPatience:
    """Time does not pass here: connections are told that it has."""

    @staticmethod
    def pass_(place: Place, seconds: float) -> None:
        for connection in list(place.connections):
            connection.expire(asyncio.get_running_loop().time() + seconds)

    async def test_with_an_idle_client(self, place: Place) -> None:
        talk = await place.talk()
        assert await talk.ask(POST) == ANSWER
        self.pass_(place, IDLE_SECONDS - 1)
        assert await talk.ask(POST) == ANSWER
        self.pass_(place, IDLE_SECONDS + 1)
        assert await talk.is_sent_away()

    @pytest.mark.parametrize("cut", [1, len(POST) - 6, len(POST) - 1])
    async def test_with_half_a_request(self, place: Place, cut: int) -> None:
        talk = await place.talk()
        await talk.say(POST[:cut])
        await until(lambda: _begun(place) == 1)
        self.pass_(place, STALL_SECONDS - 1)
        assert len(place.connections) == 1
        self.pass_(place, STALL_SECONDS + 1)
        assert (await talk.ask())[0] == 408
        assert await talk.is_sent_away()

    async def test_with_a_model_that_takes_its_time(self, place: Place) -> None:
        talk = await place.talk()
        await talk.say(HOLD)
        await until(lambda: place.service.held != [])
        self.pass_(place, 1e6)
        place.service.answer_held()
        assert (await talk.ask())[0] == 200

    async def test_with_a_client_that_does_not_read_its_reply(self, place: Place) -> None:
        talk = await place.talk()
        await talk.say(get("/give/50000000"))
        await until(lambda: place.service.begun != [])
        self.pass_(place, STALL_SECONDS + 1)
        await until(lambda: not place.connections)

    async def test_with_a_client_that_stays_though_it_was_sent_away(self, place: Place) -> None:
        talk = await place.talk()
        assert (await talk.ask(b"nonsense\r\n\r\n"))[0] == 400
        self.pass_(place, LINGER_SECONDS + 1)
        await until(lambda: not place.connections)


def _begun(place: Place) -> int:
    """Connections that have a request in part."""
    return sum(connection.reading for connection in place.connections)
