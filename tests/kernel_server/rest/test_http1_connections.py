"""Connections of HTTP/1.1: how replies look, whose turn it is, who is sent away and when."""

import asyncio

import pytest
from small_models import until
from small_service import ANSWER, HOLD, POST, Place, get

from kernel_server.rest.http1.connection import IDLE_SECONDS, LINGER_SECONDS, STALL_SECONDS
from kernel_server.rest.http1.exchange import Reply


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
