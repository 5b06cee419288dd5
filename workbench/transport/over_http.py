"""Calls over HTTP, with the status codes of TensorFlow Serving's REST face read back."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import httpx

from workbench.errors import RequestFailed
from workbench.transport.addresses import is_local
from workbench.transport.headers import Headers

_CODES = {
    400: "INVALID_ARGUMENT",
    401: "UNAUTHENTICATED",
    403: "PERMISSION_DENIED",
    404: "NOT_FOUND",
    409: "ALREADY_EXISTS",
    413: "RESOURCE_EXHAUSTED",
    429: "RESOURCE_EXHAUSTED",
    499: "CANCELLED",
    501: "UNIMPLEMENTED",
    503: "UNAVAILABLE",
    504: "DEADLINE_EXCEEDED",
}


class HttpTransport:
    """One pool of connections; threads may share it."""

    def __init__(self, address: str, token: str | None = None) -> None:
        self._http = httpx.Client(**_options(address, token))

    def send(self, path: str, body: bytes | None, timeout: float, headers: Headers = ()) -> bytes:
        """The answer's bytes.

        Raises :class:`RequestFailed` after ``timeout`` seconds or with the server's error.
        """
        try:
            reply = self._http.request(_method(body), path, content=body, headers=[*headers], timeout=timeout)
        except httpx.TransportError as error:
            raise _failure(error) from None
        return _content(reply)

    def close(self) -> None:
        """Give the connections back. No call follows."""
        self._http.close()


class AsyncHttpTransport:
    """One pool of connections of one event loop."""

    def __init__(self, address: str, token: str | None = None) -> None:
        self._http = httpx.AsyncClient(**_options(address, token))

    async def send(self, path: str, body: bytes | None, timeout: float, headers: Headers = ()) -> bytes:
        """The answer's bytes.

        Raises :class:`RequestFailed` after ``timeout`` seconds or with the server's error.
        """
        try:
            reply = await self._http.request(
                _method(body), path, content=body, headers=[*headers], timeout=timeout
            )
        except httpx.TransportError as error:
            raise _failure(error) from None
        return _content(reply)

    async def close(self) -> None:
        """Give the connections back. No call follows."""
        await self._http.aclose()


def _options(address: str, token: str | None) -> dict[str, Any]:
    headers: Mapping[str, str] = {"Authorization": f"Bearer {token}"} if token else {}
    return {"base_url": address, "headers": headers, "trust_env": not is_local(address)}


def _method(body: bytes | None) -> str:
    return "GET" if body is None else "POST"


def _content(reply: httpx.Response) -> bytes:
    if reply.is_success:
        return reply.content
    code = _CODES.get(reply.status_code, "INTERNAL" if reply.is_server_error else "UNKNOWN")
    raise RequestFailed(code, _message(reply))


def _message(reply: httpx.Response) -> str:
    try:
        return str(json.loads(reply.content)["error"])
    except (ValueError, KeyError, TypeError):
        return reply.text[:200] or reply.reason_phrase


def _failure(error: httpx.TransportError) -> RequestFailed:
    timed_out = isinstance(error, httpx.TimeoutException)
    return RequestFailed(
        "DEADLINE_EXCEEDED" if timed_out else "UNAVAILABLE", str(error) or type(error).__name__
    )
