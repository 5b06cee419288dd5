"""Calls that are alike are answered together.

Of small requests the way costs more than the model. Those that one turn of the event loop has read, and that
differ in nothing but the contents of their tensors, therefore share it: they are read, checked, queued and
answered as one, with the rows of all. A call without company goes its own way, and so does each call of a
group in which something may matter to one and not to another.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, NamedTuple, Protocol

from kernel_server.rpc.framing import HEAD, OK, PREFIX_LENGTH, announced_size
from kernel_server.rpc.templates import Key, Template, Templates

if TYPE_CHECKING:
    from kernel_server.rpc.gathered_call import GatheredCall

_AUTHORIZATION = b"authorization"
_MOST_BYTES = 48 << 10
"""Of requests in one group: what fits into one piece of a front end's link."""


class Answers(NamedTuple):
    """Equally long messages, with their prefixes: each is the ``fixed`` parts with a slice between any two.

    Of each column every message has the next slice of the size that stands beside it.
    """

    fixed: list[bytes]
    columns: list[bytes]
    sizes: list[int]


class Group:
    """Some calls that are alike. Whoever takes it tells it :meth:`answer` or ends its calls one by one.

    ``give_up``, if the taker has set it, is called when nobody waits for an answer any more; ``number`` is
    for the taker, too.
    """

    def __init__(self, template: Template, calls: list[GatheredCall]) -> None:
        self.template = template
        self.calls = calls
        self.give_up: Callable[[], None] | None = None
        self.number = 0
        for call in calls:
            if not call.ended:
                call.group = self

    def part(self, places: Sequence[int]) -> Group:
        """The calls in these places as a group, which they belong to from now on."""
        if len(places) == len(self.calls):
            return self
        return Group(self.template, [self.calls[place] for place in places])

    def leave(self) -> None:
        """One of the calls has ended early."""
        if self.give_up is not None and all(call.ended for call in self.calls):
            self.give_up()

    def columns(self) -> list[bytes]:
        """Of each tensor the contents of all calls, one after the other."""
        messages = [call.message for call in self.calls]
        return [
            b"".join([message[begin:end] for message in messages]) for begin, end, _ in self.template.contents
        ]

    def seconds_left(self, now: float) -> float:
        """What the most patient call has left, or 0 if one has any time; ``now`` is the loop's time."""
        deadlines = [call.deadline for call in self.calls if call.deadline is not None]
        return max(1e-3, max(deadlines) - now) if len(deadlines) == len(self.calls) else 0.0

    def answer(self, answers: Answers) -> None:
        """Hand out the answers."""
        first, *rest = answers.fixed
        for row, call in enumerate(self.calls):
            parts = [first]
            for column, size, part in zip(answers.columns, answers.sizes, rest, strict=True):
                parts += (column[row * size : (row + 1) * size], part)
            call.answer(HEAD, b"".join(parts), OK)


class Taker(Protocol):
    """Where groups go."""

    @property
    def idle(self) -> bool:
        """Whether nothing is under way: the first call then need not wait for company."""

    def take(self, group: Group) -> None:
        """See to it that every call of the group is answered."""

    def leave(self, call: GatheredCall, group: Group, *, late: bool) -> None:
        """A call of a group has ended before it was answered."""


class Gathering:
    """Finds out which calls of a turn are alike, and has each group taken."""

    def __init__(self, taker: Taker) -> None:
        self.taker = taker
        self._loop = asyncio.get_running_loop()
        self._templates = Templates()
        self._waiting: dict[Key, list[GatheredCall]] = {}

    def add(self, call: GatheredCall) -> bool:
        """Have a call with a whole message wait for company until the end of this turn.

        Returns whether it does; else it must go alone.
        """
        if self.taker.idle and not self._waiting:
            return False
        message = call.message
        if len(message) <= PREFIX_LENGTH or message[0] or announced_size(message) != len(message):
            return False
        if not self._waiting:
            self._loop.call_soon(self._flush)
        key = len(message), call.headers.get(_AUTHORIZATION)
        calls = self._waiting.setdefault(key, [])
        calls.append(call)
        if len(calls) * len(message) > _MOST_BYTES:
            self._send(key, self._waiting.pop(key))
        return True

    def _flush(self) -> None:
        waiting, self._waiting = self._waiting, {}
        for key, calls in waiting.items():
            self._send(key, calls)

    def _send(self, key: Key, calls: Sequence[GatheredCall]) -> None:
        present = [call for call in calls if not call.ended]
        if len(present) == 1:
            present[0].go_alone()
            return
        alike: dict[Template | None, list[GatheredCall]] = {}
        for call in present:
            template = self._templates.find(key, call.headers, call.message)
            alike.setdefault(template, []).append(call)
        for template, company in alike.items():
            if template is None or len(company) == 1 or not template.is_worth_a_try:
                for call in company:
                    call.go_alone()
            else:
                self.taker.take(Group(template, company))
