"""What a front end's clients ask, on its way to the model process."""

from __future__ import annotations

import asyncio
import marshal
import struct
from collections.abc import MutableMapping, Sequence
from functools import partial

from kernel_server.front_ends.link import TOGETHER, UNWANTED, Kind, Link
from kernel_server.http2.headers import Headers
from kernel_server.http2.stream import Answering
from kernel_server.rpc.gathered_call import GatheredCall
from kernel_server.rpc.gathering import Answers, Group
from kernel_server.rpc.templates import Template

Calls = MutableMapping[int, Answering]
"""Whom to tell the answers, by the number of the call."""


class RelayedCall:
    """The request of one stream, passed on as it arrives."""

    __slots__ = ("_calls", "_link", "_number")

    def __init__(self, calls: Calls, link: Link, number: int, stream: Answering) -> None:
        self._calls = calls
        self._link = link
        self._number = number
        calls[number] = stream

    def open(self, headers: Headers) -> None:
        """Tell the model process of the call."""
        self._link.send(Kind.OPEN, self._number, marshal.dumps(dict(headers)))

    def data(self, payload: bytes) -> None:
        """More of the request."""
        self._link.send(Kind.DATA, self._number, payload)

    def end(self) -> None:
        """The request is complete."""
        self._link.send(Kind.END, self._number)

    def gone(self) -> None:
        """Nobody waits for the answer any more."""
        if self._calls.pop(self._number, None) is not None:
            self._link.send(Kind.GONE, self._number)


class RelayedGroups:
    """Takes groups of calls; see :class:`~kernel_server.rpc.gathering.Taker`."""

    def __init__(self, calls: Calls, link: Link) -> None:
        self._calls = calls
        self._link = link
        self._loop = asyncio.get_running_loop()
        self._templates: dict[int, Template] = {}
        self._groups: dict[int, Group] = {}
        self._waiting: dict[int, int] = {}
        self._last = 0

    @property
    def idle(self) -> bool:
        """Whether no call waits for its answer."""
        return not self._groups and not self._calls

    def take(self, group: Group) -> None:
        """Send a group in one frame, after what its calls have in common if that is new."""
        template, calls = group.template, group.calls
        if self._templates.get(template.number) is not template:
            self._templates[template.number] = template
            contents = [tuple(content) for content in template.contents]
            described = marshal.dumps((dict(template.headers), template.sample, contents))
            self._link.send(Kind.TEMPLATE, template.number, described)
        self._last = number = group.number = self._last + 1 & 0xFFFFFFFF
        self._groups[number], self._waiting[number] = group, len(calls)
        now, count = self._loop.time(), len(calls)
        seconds = [max(1e-3, call.deadline - now) if call.deadline is not None else 0.0 for call in calls]
        about_calls = struct.pack(f"<{count}I{count}d", *[call.number for call in calls], *seconds)
        head = TOGETHER.pack(template.number, count)
        self._link.send(Kind.TOGETHER, number, head, about_calls, *group.columns())
        group.give_up = partial(self._link.send, Kind.ABANDONED, number)

    def leave(self, call: GatheredCall, group: Group, *, late: bool) -> None:
        """Tell the model process of a call that has ended early."""
        self._link.send(Kind.UNWANTED, call.number, UNWANTED.pack(group.template.number, late, group.number))

    def answered(self, number: int, payload: bytes) -> None:
        """The model process has answered a group, or a part of one."""
        begin = 4 + int.from_bytes(payload[:4], "little")
        places, fixed, sizes = marshal.loads(payload[4:begin])
        group = self._end(number, places)
        columns = []
        for size in sizes:
            end = begin + size * len(group.calls)
            columns.append(payload[begin:end])
            begin = end
        group.answer(Answers(fixed, columns, sizes))

    def apart(self, number: int, payload: bytes) -> None:
        """The model process answers each call of a group, or of a part of one, by itself."""
        group = self._end(number, marshal.loads(payload))
        group.template.refuse()
        for call in group.calls:
            if not call.ended:
                call.hand_over(RelayedCall(self._calls, self._link, call.number, call.stream))

    def _end(self, number: int, places: Sequence[int]) -> Group:
        """The calls in these ``places`` of a group, all if there are none: they wait as a group no more."""
        group = self._groups[number]
        self._waiting[number] -= len(places) or len(group.calls)
        if not self._waiting[number]:
            del self._groups[number], self._waiting[number]
        return group.part(places) if places else group
