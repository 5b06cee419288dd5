"""Finds the method of a call and checks its bearer token."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Any, TypeAlias

import grpc
from google.protobuf.message import Message

from kernel_server.errors import Unauthenticated
from kernel_server.rpc.status_codes import Context, abort
from kernel_server.security.tokens import Token

Handler: TypeAlias = "grpc.RpcMethodHandler[Any, Any]"

Methods = Mapping[str, Handler]
"""Method handlers by full name: ``/package.Service/Method``."""


def unary(handler: Callable[..., Awaitable[bytes | Message]], request: type[Message]) -> Handler:
    """A method with one request and one reply; a handler may answer bytes or a message."""
    return grpc.unary_unary_rpc_method_handler(handler, request.FromString, _serialize)


def streaming(handler: Callable[..., Any], request: type[Message]) -> Handler:
    """A method with one request and a stream of replies."""
    return grpc.unary_stream_rpc_method_handler(handler, request.FromString, _serialize)


def _serialize(reply: bytes | Message) -> bytes:
    return reply if isinstance(reply, bytes) else reply.SerializeToString()


class Router(grpc.GenericRpcHandler):  # type: ignore[type-arg]
    """All methods of this server behind one dictionary, each call's token checked first."""

    def __init__(self, methods: Methods, token: Token | None) -> None:
        self._methods = dict(methods)
        self._token = token
        self._refusal = grpc.unary_unary_rpc_method_handler(_refuse)
        self._streaming_refusal = grpc.unary_stream_rpc_method_handler(_refuse)

    def service(self, handler_call_details: grpc.HandlerCallDetails) -> Handler | None:
        """The handler of a call, or ``None`` for a method that is not ours."""
        handler = self._methods.get(handler_call_details.method)
        if handler is None or self._token is None or self._authorized(handler_call_details):
            return handler
        return self._streaming_refusal if handler.response_streaming else self._refusal

    def _authorized(self, details: grpc.HandlerCallDetails) -> bool:
        assert self._token is not None
        metadata = dict(details.invocation_metadata or ())
        return self._token.admits(metadata.get("authorization"))


async def _refuse(request: bytes, context: Context) -> bytes:
    await abort(
        context,
        Unauthenticated("This server needs the metadata 'authorization: Bearer <token>' with its token."),
    )
