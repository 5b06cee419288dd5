"""Calls over gRPC. Messages pass as bytes: encoding and decoding belong to the caller."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import grpc

from workbench.errors import RequestFailed
from workbench.transport.addresses import is_local
from workbench.transport.headers import Headers


def channel_options(target: str) -> list[tuple[str, Any]]:
    """No size limit, as TensorFlow Serving has none; quick to come back after the server restarted."""
    options: list[tuple[str, Any]] = [
        ("grpc.max_send_message_length", -1),
        ("grpc.max_receive_message_length", -1),
        ("grpc.initial_reconnect_backoff_ms", 100),
        ("grpc.max_reconnect_backoff_ms", 1000),
        ("grpc.use_local_subchannel_pool", 1),
    ]
    if is_local(target):
        options.append(("grpc.enable_http_proxy", 0))
    return options


def call_metadata(token: str | None) -> tuple[tuple[str, str], ...]:
    """The metadata that proves the caller may call."""
    return (("authorization", f"Bearer {token}"),) if token else ()


class GrpcTransport:
    """One channel; threads may share it."""

    def __init__(self, target: str, token: str | None = None) -> None:
        self._channel = grpc.insecure_channel(target, options=channel_options(target))
        self._metadata = call_metadata(token)

    def send(self, path: str, body: bytes | None, timeout: float, headers: Headers = ()) -> bytes:
        """The answer's bytes.

        Raises :class:`RequestFailed` after ``timeout`` seconds or with the server's error.
        """
        try:
            reply: bytes = self._channel.unary_unary(path, bytes, bytes)(
                body or b"", timeout=timeout, metadata=(*self._metadata, *headers)
            )
        except grpc.RpcError as error:
            raise _failure(error) from None
        return reply

    def stream(self, path: str, body: bytes) -> Iterator[bytes]:
        """The answers of a streaming call, until the caller closes the iterator.

        Raises :class:`RequestFailed` with the server's error.
        """
        call: Any = self._channel.unary_stream(path, bytes, bytes)(body, metadata=self._metadata)
        try:
            yield from call
        except grpc.RpcError as error:
            raise _failure(error) from None
        finally:
            call.cancel()

    def close(self) -> None:
        """Give the connection back. No call follows."""
        self._channel.close()


class AsyncGrpcTransport:
    """One channel of one event loop."""

    def __init__(self, target: str, token: str | None = None) -> None:
        self._target = target
        self._metadata = call_metadata(token)
        self._channel: grpc.aio.Channel | None = None

    async def send(self, path: str, body: bytes | None, timeout: float, headers: Headers = ()) -> bytes:
        """The answer's bytes.

        Raises :class:`RequestFailed` after ``timeout`` seconds or with the server's error.
        """
        if self._channel is None:
            self._channel = grpc.aio.insecure_channel(self._target, options=channel_options(self._target))
        try:
            call = self._channel.unary_unary(path, bytes, bytes)
            reply: bytes = await call(body or b"", timeout=timeout, metadata=(*self._metadata, *headers))
        except grpc.RpcError as error:
            raise _failure(error) from None
        return reply

    async def close(self) -> None:
        """Give the connection back. No call follows."""
        if self._channel is not None:
            await self._channel.close(None)


def _failure(error: Any) -> RequestFailed:
    return RequestFailed(error.code().name, error.details() or "")
