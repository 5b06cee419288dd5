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
from kernel_server.handlers.models import Part
from kernel_server.handlers.predict import NotTogether, may_be_of_one
from kernel_server.http2.headers import Headers
from kernel_server.rpc.call import TIMEOUT, timeout_of
from kernel_server.rpc.gathering import Answers
from kernel_server.rpc.predicts_together import PredictsTogether, PredictTemplate
from kernel_server.rpc.templates import Content, Template

if TYPE_CHECKING:
    from kernel_server.front_ends.remote_calls import RemoteCalls


class RemoteGroup(NamedTuple):
    """Calls by their numbers, the seconds each had, 0 for any time, and when that was.

    ``columns`` has of each tensor the contents of all calls, one after the other. Of a part of a group
    ``places`` says where its calls are in the whole; the whole has none.
    """

    number: int
    template: PredictTemplate
    calls: Sequence[int]
    seconds: Sequence[float]
    received: float
    columns: Sequence[memoryview]
    places: Sequence[int] = ()

    @property
    def deadline(self) -> float | None:
        """That of the most patient call."""
        return self.received + max(self.seconds) if all(self.seconds) else None

    def part(self, places: Sequence[int]) -> RemoteGroup:
        """The calls in these places as a group."""
        if len(places) == len(self.calls):
            return self
        rows = [self._rows(place) for place in places]
        return self._replace(
            calls=[self.calls[place] for place in places],
            seconds=[self.seconds[place] for place in places],
            columns=[memoryview(b"".join(column)) for column in zip(*rows, strict=True)],
            places=places,
        )

    def requests(self) -> Iterator[tuple[int, Headers, bytes]]:
        """The number, the headers and the framed message of each call."""
        template = self.template.template
        for place, (call, seconds) in enumerate(zip(self.calls, self.seconds, strict=True)):
            headers = {key: value for key, value in template.headers.items() if key != TIMEOUT}
            if seconds:
                headers[TIMEOUT] = timeout_of(self.received + seconds - time.monotonic())
            yield call, headers, template.message(self._rows(place))

    def _rows(self, place: int) -> list[memoryview]:
        """Of each tensor the contents of one call."""
        contents = self.template.template.contents
        return [
            column[place * content.size : (place + 1) * content.size]
            for content, column in zip(contents, self.columns, strict=True)
        ]


class Unanswered:
    """What a group still waits for: so many ``calls``, of which nobody waits for those in ``unwanted``.

    ``give_ups`` are to be called when that is so of all.
    """

    def __init__(self, calls: int) -> None:
        self.calls = calls
        self.unwanted: set[int] = set()
        self.give_ups: list[Callable[[], None]] = []

    def give_up(self) -> None:
        """Nobody waits any more."""
        for give_up in self.give_ups:
            give_up()


class RemoteGroups:
    """Answers groups of one front end, whose other calls are ``calls``."""

    def __init__(self, calls: RemoteCalls, together: PredictsTogether) -> None:
        self._calls = calls
        self._together = together
        self._templates: dict[int, Template] = {}
        self._unanswered: dict[int, Unanswered] = {}

    def take(self, kind: int, number: int, payload: bytes) -> None:
        """What the front end says of calls that it has gathered."""
        if kind == Kind.TOGETHER:
            group = self._group(number, payload)
            self._unanswered[number] = Unanswered(len(group.calls))
            self._together.have_turn(group.template, partial(self._begin, group))
        elif kind == Kind.TEMPLATE:
            headers, sample, contents = marshal.loads(payload)
            self._templates[number] = Template(number, headers, sample, [Content(*each) for each in contents])
        elif kind == Kind.ABANDONED:
            if (unanswered := self._unanswered.get(number)) is not None:
                unanswered.give_up()
        else:
            template, late, group_number = UNWANTED.unpack(payload)
            if (unanswered := self._unanswered.get(group_number)) is not None:
                unanswered.unwanted.add(number)
                error = DeadlineExceeded() if late else Cancelled()
                self._together.template(self._templates[template]).refuse(error)

    def lost(self) -> None:
        """The front end is gone, and nobody waits for an answer any more."""
        for unanswered in list(self._unanswered.values()):
            unanswered.give_up()

    def _group(self, number: int, payload: bytes) -> RemoteGroup:
        template_number, count = TOGETHER.unpack_from(payload)
        template = self._templates[template_number]
        form = f"<{count}I{count}d"
        about_calls = unpack_from(form, payload, TOGETHER.size)
        rest = memoryview(payload)[TOGETHER.size + calcsize(form) :]
        ends = accumulate((count * content.size for content in template.contents), initial=0)
        columns = [rest[begin:end] for begin, end in pairwise(ends)]
        predicts, now = self._together.template(template), time.monotonic()
        return RemoteGroup(number, predicts, about_calls[:count], about_calls[count:], now, columns)

    def _begin(self, group: RemoteGroup) -> None:
        try:
            parts = group.template.open(len(group.calls))
        except NotTogether:
            self._take_apart(group)
            return
        for part in parts:
            self._start(group.part(part.places), part)

    def _start(self, group: RemoteGroup, part: Part) -> None:
        done = partial(self._done, group)
        try:
            give_up = group.template.start(part, group.columns, group.deadline, done)
        except NotTogether:
            self._take_apart(group)
        else:
            self._unanswered[group.number].give_ups.append(give_up)

    def _done(self, group: RemoteGroup, outcome: Answers | ServingError) -> None:
        if isinstance(outcome, Answers):
            self._end(group)
            form = marshal.dumps([[*group.places], outcome.fixed, outcome.sizes])
            size = len(form).to_bytes(4, "little")
            self._calls.link.send(Kind.ANSWERS, group.number, size, form, *outcome.columns)
        elif may_be_of_one(outcome):
            self._take_apart(group)
        else:
            unwanted = self._go_apart(group)
            for call in group.calls:
                if call not in unwanted:
                    group.template.refuse(outcome)
                    self._calls.fail(call, outcome)

    def _take_apart(self, group: RemoteGroup) -> None:
        unwanted = self._go_apart(group)
        for call, headers, message in group.requests():
            if call not in unwanted:
                self._calls.ask(call, headers, message)

    def _go_apart(self, group: RemoteGroup) -> set[int]:
        """Tell the front end that the calls go apart. Returns those of the whole that nobody waits for."""
        self._calls.link.send(Kind.APART, group.number, marshal.dumps([*group.places]))
        return self._end(group)

    def _end(self, group: RemoteGroup) -> set[int]:
        """The calls wait as a group no more. Returns those of the whole that nobody waits for."""
        unanswered = self._unanswered[group.number]
        unanswered.calls -= len(group.calls)
        if not unanswered.calls:
            del self._unanswered[group.number]
        return unanswered.unwanted
