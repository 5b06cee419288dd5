"""The model process's side of what a front end has gathered: calls begun, and answered, in one piece.

Where that cannot be, each is taken for a call of its own, as if the front end had relayed it.
"""

from __future__ import annotations

import marshal
import time
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from itertools import accumulate, pairwise
from struct import calcsize, unpack_from
from typing import TYPE_CHECKING, NamedTuple

from kernel_server.errors import Cancelled, DeadlineExceeded, ServingError
from kernel_server.front_ends.link import TOGETHER, UNWANTED, Kind
from kernel_server.handlers.predict import NotTogether
from kernel_server.http2.headers import Headers
from kernel_server.rpc.call import TIMEOUT, timeout_of
from kernel_server.rpc.gathering import Answers
from kernel_server.rpc.predicts_together import PredictsTogether, PredictTemplate, may_be_of_one
from kernel_server.rpc.templates import Content, Template

if TYPE_CHECKING:
    from kernel_server.front_ends.remote_calls import RemoteCalls


class RemoteGroup(NamedTuple):
    """Calls by their numbers, the seconds each had, 0 for any time, and when that was.

    ``columns`` has of each tensor the contents of all calls, one after the other.
    """

    number: int
    template: PredictTemplate
    calls: Sequence[int]
    seconds: Sequence[float]
    received: float
    columns: Sequence[memoryview]

    @property
    def deadline(self) -> float | None:
        """That of the most patient call."""
        return self.received + max(self.seconds) if all(self.seconds) else None

    def requests(self) -> Iterator[tuple[int, Headers, bytes]]:
        """The number, the headers and the framed message of each call."""
        template = self.template.template
        for row, (call, seconds) in enumerate(zip(self.calls, self.seconds, strict=True)):
            headers = {key: value for key, value in template.headers.items() if key != TIMEOUT}
            if seconds:
                headers[TIMEOUT] = timeout_of(self.received + seconds - time.monotonic())
            rows = [
                column[row * content.size : (row + 1) * content.size]
                for content, column in zip(template.contents, self.columns, strict=True)
            ]
            yield call, headers, template.message(rows)


class RemoteGroups:
    """Answers groups of one front end, whose other calls are ``calls``."""

    def __init__(self, calls: RemoteCalls, together: PredictsTogether) -> None:
        self._calls = calls
        self._together = together
        self._templates: dict[int, Template] = {}
        self._unwanted: dict[int, set[int]] = {}
        self._give_ups: dict[int, Callable[[], None]] = {}

    def take(self, kind: int, number: int, payload: bytes) -> None:
        """What the front end says of calls that it has gathered."""
        if kind == Kind.TOGETHER:
            group = self._group(number, payload)
            self._together.have_turn(group.template, partial(self._begin, group))
        elif kind == Kind.TEMPLATE:
            headers, sample, contents = marshal.loads(payload)
            self._templates[number] = Template(number, headers, sample, [Content(*each) for each in contents])
        elif kind == Kind.ABANDONED:
            if give_up := self._give_ups.get(number):
                give_up()
        else:
            template, late, group_number = UNWANTED.unpack(payload)
            if (unwanted := self._unwanted.get(group_number)) is not None:
                unwanted.add(number)
                self._refuse(self._templates[template], DeadlineExceeded() if late else Cancelled())

    def lost(self) -> None:
        """The front end is gone, and nobody waits for an answer any more."""
        for give_up in list(self._give_ups.values()):
            give_up()

    def _group(self, number: int, payload: bytes) -> RemoteGroup:
        template_number, count = TOGETHER.unpack_from(payload)
        template = self._templates[template_number]
        form = f"<{count}I{count}d"
        about_calls = unpack_from(form, payload, TOGETHER.size)
        rest = memoryview(payload)[TOGETHER.size + calcsize(form) :]
        ends = accumulate((count * content.size for content in template.contents), initial=0)
        columns = [rest[begin:end] for begin, end in pairwise(ends)]
        predicts, now = self._together.template(template), time.monotonic()
        self._unwanted[number] = set()
        return RemoteGroup(number, predicts, about_calls[:count], about_calls[count:], now, columns)

    def _begin(self, group: RemoteGroup) -> None:
        start, done = group.template.start, partial(self._done, group)
        try:
            self._give_ups[group.number] = start(group.columns, len(group.calls), group.deadline, done)
        except NotTogether:
            self._take_apart(group)

    def _done(self, group: RemoteGroup, outcome: Answers | ServingError) -> None:
        self._give_ups.pop(group.number, None)
        if isinstance(outcome, Answers):
            self._unwanted.pop(group.number, None)
            form = marshal.dumps([outcome.fixed, outcome.sizes])
            size = len(form).to_bytes(4, "little")
            self._calls.link.send(Kind.ANSWERS, group.number, size, form, *outcome.columns)
        elif may_be_of_one(outcome):
            self._take_apart(group)
        else:
            self._calls.link.send(Kind.APART, group.number)
            unwanted = self._unwanted.pop(group.number, set())
            for call in group.calls:
                if call not in unwanted:
                    group.template.refuse(outcome)
                    self._calls.fail(call, outcome)

    def _take_apart(self, group: RemoteGroup) -> None:
        self._calls.link.send(Kind.APART, group.number)
        unwanted = self._unwanted.pop(group.number, set())
        for call, headers, message in group.requests():
            if call not in unwanted:
                self._calls.ask(call, headers, message)

    def _refuse(self, template: Template, error: ServingError) -> None:
        self._together.template(template).refuse(error)
