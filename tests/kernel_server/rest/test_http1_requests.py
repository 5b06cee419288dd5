"""HTTP/1.1 byte by byte: what is a request, what is too much of one, which bodies are asked for."""

import pytest
from small_service import ANSWER, CHUNKED, POST, Place, Small, get, post

from kernel_server.rest.http1.incoming import MOST_HEAD_BYTES


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
