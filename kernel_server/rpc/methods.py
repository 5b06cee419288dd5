"""How a method answers: at once by callback, as a coroutine, or with a stream of messages."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Iterable, Mapping
from typing import Any, TypeVar

from google.protobuf.message import DecodeError, Message

from kernel_server.errors import Internal, InvalidArgument, ServingError
from kernel_server.rpc.call import Call

_log = logging.getLogger(__name__)

Begin = Callable[[Call, bytes], None]
"""Takes a call and its message, and sees to it that the call is answered."""

Methods = Mapping[str, Begin]
"""Methods by full name: ``/package.Service/Method``."""

M = TypeVar("M", bound=Message)


def parse(kind: type[M], message: bytes) -> M:
    """The message as ``kind``; raises ``InvalidArgument`` when it is none."""
    try:
        return kind.FromString(message)
    except DecodeError as error:
        raise InvalidArgument(f"The request is not a {kind.DESCRIPTOR.full_name}: {error}") from error


def unary(handler: Callable[[Any], Awaitable[Message]], request: type[Message]) -> Begin:
    """A method with one reply, answered by a coroutine."""

    def begin(call: Call, message: bytes) -> None:
        parsed = parse(request, message)

        async def answer() -> None:
            call.reply((await handler(parsed)).SerializeToString())

        _run(call, answer())

    return begin


def streaming(handler: Callable[[Any], AsyncIterator[Message]], request: type[Message]) -> Begin:
    """A method with any number of replies, answered by an asynchronous iterator."""

    def begin(call: Call, message: bytes) -> None:
        parsed = parse(request, message)

        async def answer() -> None:
            async for reply in handler(parsed):
                call.send(reply.SerializeToString())
            call.close()

        _run(call, answer())

    return begin


def conversation(handler: Callable[[Any], Iterable[Message]], request: type[Message]) -> Begin:
    """A method that answers each of any number of requests at once; for a ``Conversation``."""

    def begin(call: Call, message: bytes) -> None:
        for reply in handler(parse(request, message)):
            call.send(reply.SerializeToString())

    return begin


def _run(call: Call, answer: Coroutine[Any, Any, None]) -> None:
    """Run ``answer`` in a task that ends with the call; what it raises becomes the call's status."""
    task = asyncio.create_task(_guarded(call, answer))
    _running.add(task)
    task.add_done_callback(_running.discard)

    def give_up() -> None:
        task.cancel()

    call.on_gone = give_up


_running: set[asyncio.Task[None]] = set()
"""The loop itself keeps weak references only."""


async def _guarded(call: Call, answer: Coroutine[Any, Any, None]) -> None:
    try:
        await answer
    except ServingError as error:
        call.fail(error)
    except Exception as error:  # a defect must end the call, not the connection
        _log.exception("A call failed")
        call.fail(Internal(f"{type(error).__name__}: {error}"))
