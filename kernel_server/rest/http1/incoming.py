"""What a client sends on one connection: bytes become requests."""

from __future__ import annotations

from typing import Protocol

from httptools import HttpParserError, HttpParserUpgrade, HttpRequestParser, parse_url

from kernel_server.errors import ServingError
from kernel_server.rest.http1.errors import BodyTooLarge, HeadTooLarge, MalformedRequest
from kernel_server.rest.http1.exchange import Exchange, Sender, Service
from kernel_server.rest.http1.writing import CLOSE, KEEP, KEEP_OLD

MOST_HEAD_BYTES = 64 << 10
"""What the request line and the headers of one request may take."""

_SMALL_BODY = 64 << 10
"""Bytes that are read before the request is looked at."""


class Owner(Sender, Protocol):
    """The connection as its reader sees it."""

    def receive(self, exchange: Exchange) -> None:
        """A request is whole."""

    def invite(self) -> None:
        """The client waits to be told to send the body."""

    def refuse(self, error: ServingError) -> None:
        """What comes next cannot be answered, nor anything after it."""


class Incoming:
    """Reads requests for ``owner``; bodies may have what ``service`` says.

    ``begun`` tells that a request has come in part, ``in_head`` that even its head is not whole. Nothing more
    is read once ``closed`` is set.
    """

    _exchange: Exchange

    def __init__(self, service: Service, owner: Owner) -> None:
        self._service = service
        self._owner = owner
        self._parser = HttpRequestParser(self)
        self._url = b""
        self._headers: dict[bytes, bytes] = {}
        self._parts: list[bytes] = []
        self._head_bytes = self._pending_bytes = self._body_bytes = 0
        self.begun = self.in_head = self.closed = False

    def read(self, data: bytes) -> None:
        """Take in whatever has arrived."""
        while data and not self.closed:
            headers, size = self._headers, len(data)
            try:
                self._parser.feed_data(data)
                data = b""
            except HttpParserUpgrade as upgrade:
                data = self._head_without_upgrade() + data[upgrade.args[0] :]
            except HttpParserError as error:
                self.refuse(MalformedRequest(str(error)))
            if self.in_head and headers is self._headers:
                self._pending_bytes += size
                self._check_head(self._pending_bytes)

    def refuse(self, error: ServingError) -> None:
        """Read nothing more: what comes cannot be answered otherwise than with ``error``."""
        if not self.closed:
            self.closed = True
            self.begun = False
            self._parts = []
            self._owner.refuse(error)

    def on_message_begin(self) -> None:
        """Called by the parser: a request begins."""
        self._url = b""
        self._headers = {}
        self._parts = []
        self._head_bytes = self._pending_bytes = self._body_bytes = 0
        self.begun = self.in_head = True

    def on_url(self, url: bytes) -> None:
        """Called by the parser: the request's target, or a part of it."""
        self._url += url
        self._head_bytes += len(url)

    def on_header(self, name: bytes, value: bytes) -> None:
        """Called by the parser: one header."""
        self._head_bytes += len(name) + len(value)
        name = name.lower()
        before = self._headers.get(name)
        self._headers[name] = value if before is None else before + b", " + value

    def on_headers_complete(self) -> None:
        """Called by the parser: the head is whole."""
        self.in_head = False
        self._check_head(self._head_bytes)
        if self.closed:
            return
        parser, headers = self._parser, self._headers
        if parser.should_upgrade():
            return
        old = parser.get_http_version() == "1.0"
        ending = (KEEP_OLD if old else KEEP) if parser.should_keep_alive() else CLOSE
        self._exchange = Exchange(
            self._owner, parser.get_method().decode(), _path(self._url), headers, ending
        )
        length = int(headers.get(b"content-length", 0))
        if length > _SMALL_BODY or b"transfer-encoding" in headers or b"expect" in headers:
            self._consider(length)

    def on_body(self, part: bytes) -> None:
        """Called by the parser: the body, or a part of it."""
        self._body_bytes += len(part)
        if self._body_bytes > self._service.most_bytes:
            self.refuse(BodyTooLarge(self._service.most_bytes))
        elif not self.closed:
            self._parts.append(part)

    def on_message_complete(self) -> None:
        """Called by the parser: the request is whole."""
        if self.closed or self._parser.should_upgrade():
            return
        self.begun = False
        exchange, parts = self._exchange, self._parts
        exchange.body = parts[0] if len(parts) == 1 else b"".join(parts)
        self._parts = []
        self.closed = exchange.ending is CLOSE
        self._owner.receive(exchange)

    def _head_without_upgrade(self) -> bytes:
        """The head again without its wish for another protocol, which would end the parser's reading."""
        method = self._parser.get_method()
        if method == b"CONNECT":
            self.refuse(MalformedRequest("this server is no proxy"))
        self._parser = HttpRequestParser(self)
        fields = [field for field in self._headers.items() if field[0] not in (b"connection", b"upgrade")]
        lines = [b"%b %b HTTP/1.1" % (method, self._url), *(b"%b: %b" % field for field in fields), b"", b""]
        return b"\r\n".join(lines)

    def _consider(self, length: int) -> None:
        """Whether to read a body that is large, or that the client only sends when asked."""
        if length > self._service.most_bytes:
            self.refuse(BodyTooLarge(self._service.most_bytes))
            return
        try:
            self._service.admit(self._exchange)
        except ServingError as error:
            self.refuse(error)
            return
        if self._headers.get(b"expect", b"").lower() == b"100-continue":
            self._owner.invite()

    def _check_head(self, size: int) -> None:
        if size > MOST_HEAD_BYTES:
            self.refuse(HeadTooLarge(MOST_HEAD_BYTES))


def _path(target: bytes) -> str:
    """The path in a request's target, percent-encoded as sent."""
    if not target.startswith((b"/", b"*")):  # the whole URL, as proxies are sent it
        target = parse_url(target).path or b"/"
    return target.partition(b"?")[0].decode("latin-1")
