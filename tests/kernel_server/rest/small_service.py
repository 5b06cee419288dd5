"""Our HTTP/1.1 on a real socket before a service that is easy to see through."""

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from kernel_server.errors import ServingError, Unauthenticated
from kernel_server.rest.http1.connection import Connection
from kernel_server.rest.http1.exchange import TEXT, Exchange, Reply
from kernel_server.rest.status_codes import http_status

PATIENCE = 20.0

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


class Small:
    """Answers ``/hold`` when told to, ``/give/N`` with so many bytes, everything else with what was asked."""

    most_bytes = 100_000

    def __init__(self) -> None:
        self.begun: list[Exchange] = []
        self.held: list[Exchange] = []
        self.gone: list[Exchange] = []

    def admit(self, exchange: Exchange) -> None:
        if exchange.path == "/secret":
            raise Unauthenticated("not for you")

    def begin(self, exchange: Exchange) -> None:
        self.begun.append(exchange)
        if exchange.path == "/hold":
            exchange.on_gone = lambda: self.gone.append(exchange)
            self.held.append(exchange)
        elif exchange.path.startswith("/give/"):
            exchange.reply(Reply(bytes(int(exchange.path[6:])), headers=TEXT))
        else:
            exchange.reply(
                Reply(f"{exchange.method} {exchange.path} ".encode() + exchange.body, headers=TEXT)
            )

    def answer_held(self) -> None:
        """Answer all that is held."""
        for exchange in self.held:
            exchange.reply(Reply(b"held", headers=TEXT))

    def refusal(self, error: ServingError) -> Reply:
        return Reply(error.message.encode(), http_status(error), TEXT)


class Talk:
    """One client of a :class:`Small`, which says bytes and hears replies."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer

    async def say(self, *pieces: bytes) -> None:
        """Send the pieces one by one."""
        for piece in pieces:
            self._writer.write(piece)
            await self._writer.drain()

    async def hear(self, *, with_body: bool = True) -> tuple[int, dict[str, str], bytes]:
        """The next reply: status, headers, body."""
        async with asyncio.timeout(PATIENCE):
            head = (await self._reader.readuntil(b"\r\n\r\n")).decode()
            first, *lines = head.rstrip().split("\r\n")
            headers = dict(line.split(": ", 1) for line in lines)
            size = int(headers.get("Content-Length", 0)) if with_body else 0
            return int(first.split()[1]), headers, await self._reader.readexactly(size)

    async def ask(self, *pieces: bytes) -> tuple[int, bytes]:
        """Send and hear: status and body."""
        await self.say(*pieces)
        status, _, body = await self.hear()
        return status, body

    async def is_sent_away(self) -> bool:
        """Whether the server has ended the connection and said nothing more."""
        async with asyncio.timeout(PATIENCE):
            try:
                return await self._reader.read() == b""
            except ConnectionResetError:
                return True

    def stop_sending(self) -> None:
        """End this side, as a client does that leaves."""
        self._writer.write_eof()

    async def close(self) -> None:
        """Leave."""
        self._writer.transport.abort()


class Place:
    """A port where a :class:`Small` is served, and its connections."""

    def __init__(self, tls: ssl.SSLContext | None = None) -> None:
        self.service = Small()
        self.connections: set[Connection] = set()
        self._tls = tls
        self._talks: list[Talk] = []

    async def open(self) -> None:
        loop = asyncio.get_running_loop()
        connect = lambda: Connection(self.service, self.connections)  # noqa: E731
        self._server = await loop.create_server(connect, "127.0.0.1", 0, ssl=self._tls)

    async def talk(self, tls: ssl.SSLContext | None = None) -> Talk:
        """A new client."""
        port = self._server.sockets[0].getsockname()[1]
        name = "localhost" if tls else None
        talk = Talk(*await asyncio.open_connection("127.0.0.1", port, ssl=tls, server_hostname=name))
        self._talks.append(talk)
        return talk

    async def close(self) -> None:
        self._server.close()
        for talk in self._talks:
            await talk.close()
        left = [connection.closed for connection in self.connections]
        for connection in list(self.connections):
            connection.abort()
        if left:
            await asyncio.wait(left, timeout=PATIENCE)
        await self._server.wait_closed()


@asynccontextmanager
async def small_service(tls: ssl.SSLContext | None = None) -> AsyncIterator[Place]:
    """A served :class:`Small`; nothing may have crashed at the end."""
    crashes: list[str] = []
    asyncio.get_running_loop().set_exception_handler(lambda loop, context: crashes.append(repr(context)))
    place = Place(tls)
    await place.open()
    yield place
    await place.close()
    assert crashes == []
