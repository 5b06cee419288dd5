"""A call that may be answered together with others."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from kernel_server.errors import DeadlineExceeded
from kernel_server.http2.headers import Headers
from kernel_server.http2.stream import Exchange, Stream
from kernel_server.rpc.call import CLOCK_SLACK, TIMED_OUT, TIMEOUT, seconds_of, timeout_of
from kernel_server.rpc.framing import trailers
from kernel_server.rpc.gathering import Gathering, Group
from kernel_server.traffic.split import TRAFFIC_KEY

_PREDICT = b"/tensorflow.serving.PredictionService/Predict"

Alone = Callable[["GatheredCall"], Exchange]
"""Begins a call that goes its own way; its request is told to what is returned."""


def may_be_gathered(headers: Headers) -> bool:
    """Whether a call with these headers is of a kind that is answered together with others."""
    return (
        headers.get(b":path") == _PREDICT
        and headers.get(b"content-type", b"").startswith(b"application/grpc")
        and headers.get(b"grpc-encoding", b"identity") == b"identity"
        and TRAFFIC_KEY not in headers
    )


class GatheredCall:
    """Goes with others in a ``group`` if its request is whole at once and they are there, and else alone.

    Its ``deadline``, in the loop's time, is watched over here until it goes alone. ``number`` is for the
    taker of groups.
    """

    __slots__ = (
        "_alone",
        "_exchange",
        "_gathering",
        "_timer",
        "deadline",
        "ended",
        "group",
        "headers",
        "message",
        "number",
        "stream",
    )

    def __init__(
        self, stream: Stream, headers: Headers, gathering: Gathering, alone: Alone, number: int = 0
    ) -> None:
        self.stream = stream
        self.headers = headers
        self.number = number
        self.message = b""
        self.ended = False
        self.deadline: float | None = None
        self._gathering = gathering
        self._alone = alone
        self._exchange: Exchange | None = None
        self.group: Group | None = None
        self._timer: asyncio.TimerHandle | None = None

    def data(self, payload: bytes) -> None:
        """More of the request: what comes in several parts is too large to gain from company."""
        if self._exchange is not None:
            self._exchange.data(payload)
        elif not self.message:
            self.message = payload
        else:
            self._go_alone().data(payload)

    def end(self) -> None:
        """The request is complete."""
        waits = self._exchange is None and self._gathering.add(self)
        if waits:
            self._watch_deadline()
        else:
            self._go_alone().end()

    def gone(self) -> None:
        """Nobody waits for the answer any more."""
        if self._exchange is not None:
            self._exchange.gone()
        elif not self.ended:
            now = asyncio.get_running_loop().time()
            self._leave(late=self.deadline is not None and now > self.deadline - CLOCK_SLACK)

    def go_alone(self) -> None:
        """Go without company, with the whole request."""
        if not self.ended:
            self._go_alone().end()

    def hand_over(self, exchange: Exchange) -> None:
        """The taker of the group has begun the call anew, and is told by ``exchange`` if it ends early."""
        if not self.ended:
            self._end()
            self._exchange = exchange

    def answer(self, head: bytes, body: bytes, trailers: bytes) -> None:
        """See :meth:`~kernel_server.http2.stream.Answering.answer`; does nothing after the end."""
        if not self.ended:
            self._end()
            self.stream.answer(head, body, trailers)

    def finish(self, trailers: bytes) -> None:
        """See :meth:`~kernel_server.http2.stream.Answering.finish`; does nothing after the end."""
        if not self.ended:
            self._end()
            self.stream.finish(trailers)

    def _go_alone(self) -> Exchange:
        if self._exchange is None:
            self._end()
            if self.deadline is not None:
                left = self.deadline - asyncio.get_running_loop().time()
                self.headers = {**self.headers, TIMEOUT: timeout_of(left)}
            self._exchange = self._alone(self)
            if self.message:
                self._exchange.data(self.message)
            self.message = b""
        return self._exchange

    def _watch_deadline(self) -> None:
        timeout = self.headers.get(TIMEOUT)
        if timeout is not None and (seconds := seconds_of(timeout)) is not None and not self.ended:
            loop = asyncio.get_running_loop()
            self.deadline = loop.time() + seconds
            self._timer = loop.call_later(seconds, self._expire)

    def _expire(self) -> None:
        self._leave(late=True)
        self.stream.finish(trailers(DeadlineExceeded(TIMED_OUT), with_head=True))

    def _leave(self, *, late: bool) -> None:
        group = self.group
        self._end()
        if group is not None:
            self._gathering.taker.leave(self, group, late=late)
            group.leave()

    def _end(self) -> None:
        self.ended = True
        self.group = None  # the two refer to each other: they would wait for the garbage collector
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
