"""Which Predict requests differ in nothing but the contents of their tensors.

Clients send the same message again and again with other values in it. Where these lie is found once, in a
first message; of further ones of that length the bytes around them are compared, which is less work than to
read them.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence
from itertools import chain, pairwise
from typing import NamedTuple

from kernel_server.http2.headers import Headers
from kernel_server.rpc.framing import PREFIX_LENGTH

_MOST_TEMPLATES = 256

_LONGEST_PAUSE = 63
"""Times that something is not tried after it has failed again and again."""

_MOST_FIELDS = 64
"""Of one message: what has more is not worth the time, which anybody could make the server spend."""

_VARINT, _TEXT = 0, 2
_LONGEST_VARINT = 10
_INPUTS = 2 << 3 | _TEXT
"""Tag of a field of PredictRequest."""

_KEY, _VALUE = 1 << 3 | _TEXT, 2 << 3 | _TEXT
"""Of an entry of its inputs."""

_DTYPE, _SHAPE, _CONTENT = 1 << 3 | _VARINT, 2 << 3 | _TEXT, 4 << 3 | _TEXT
"""Of TensorProto."""

_TYPED = {1: 5 << 3 | _TEXT, 2: 6 << 3 | _TEXT}
"""Of its fields whose packed values are the memory of an array, by dtype: ``float_val``, ``double_val``."""

_DIMENSION = 2 << 3 | _TEXT
"""Of TensorShapeProto."""

_SIZE = 1 << 3 | _VARINT
"""Of its dimensions."""


Key = tuple[int, bytes | None]
"""What is looked at first: the length of a message, and its caller's token."""


class Span(NamedTuple):
    """Some bytes of a message."""

    begin: int
    end: int


class Content(NamedTuple):
    """Where a message holds the values of one of its tensors."""

    begin: int
    end: int
    name: str

    @property
    def size(self) -> int:
        """How many bytes they are."""
        return self.end - self.begin


class Refusals:
    """Says how often to try again what has failed: less and less often, but never less than now and then."""

    def __init__(self) -> None:
        self._pause = self._left = 0

    def add(self) -> None:
        """It has failed once more."""
        self._pause = self._left = min(2 * self._pause + 1, _LONGEST_PAUSE)

    def allow(self) -> bool:
        """Whether to try this time."""
        if self._left:
            self._left -= 1
            return False
        return True


class Template:
    """What calls have in common: headers, but for the deadline, and their message, but for the contents.

    It is read off one of them. Both sides of a front end's link know it by its ``number``.
    """

    def __init__(self, number: int, headers: Headers, sample: bytes, contents: list[Content]) -> None:
        self.number = number
        self.headers = headers
        self.sample = sample
        self.contents = contents
        edges = [0, *(edge for begin, end, _ in contents for edge in (begin, end)), len(sample)]
        self._refusals = Refusals()
        self._fixed = [(begin, end, sample[begin:end]) for begin, end in list(pairwise(edges))[::2]]

    def refuse(self) -> None:
        """A group of its calls was taken apart."""
        self._refusals.add()

    @property
    def is_worth_a_try(self) -> bool:
        """Whether a group may be taken as one, as far as earlier ones tell."""
        return self._refusals.allow()

    def message(self, contents: Sequence[bytes | memoryview]) -> bytes:
        """The framed message with these contents."""
        first, *rest = [fixed for _, _, fixed in self._fixed]
        return b"".join([first, *chain.from_iterable(zip(contents, rest, strict=True))])

    def fits(self, message: bytes) -> bool:
        """Whether a framed message of the right length is one of them."""
        return all(message[begin:end] == fixed for begin, end, fixed in self._fixed)


class Templates:
    """Those that messages of late have had; there is room for some, and the oldest gives way to a new one."""

    def __init__(self) -> None:
        self._known: dict[Key, list[Template]] = {}
        self._by_age: deque[tuple[Key, Template]] = deque()
        self._made = 0
        self._unfit: dict[Key, Refusals] = {}

    def find(self, key: Key, headers: Headers, message: bytes) -> Template | None:
        """The template of a framed message, or ``None`` if it has none."""
        for template in self._known.get(key, ()):
            if template.fits(message):
                return template
        return self._new(key, headers, message)

    def _new(self, key: Key, headers: Headers, message: bytes) -> Template | None:
        """Made of a message that is fit; where others were not, fewer and fewer are looked at."""
        unfit = self._unfit.get(key)
        if unfit is not None and not unfit.allow():
            return None
        contents = contents_of(message)
        if not contents:
            self._note_unfit(key)
            return None
        if len(self._by_age) == _MOST_TEMPLATES:
            self._forget_oldest()
        template = Template(self._made % _MOST_TEMPLATES, headers, message, contents)
        self._made += 1
        self._known.setdefault(key, []).append(template)
        self._by_age.append((key, template))
        return template

    def _note_unfit(self, key: Key) -> None:
        if key not in self._unfit:
            if len(self._unfit) == _MOST_TEMPLATES:
                self._unfit.clear()
            self._unfit[key] = Refusals()
        self._unfit[key].add()

    def _forget_oldest(self) -> None:
        key, template = self._by_age.popleft()
        self._known[key].remove(template)
        if not self._known[key]:
            del self._known[key]


class Unfit(Exception):
    """The message holds something whose meaning is not looked into here."""


def contents_of(message: bytes) -> list[Content]:
    """Where a framed PredictRequest holds the contents of its tensors, none if it is of no use to know.

    Every tensor must have its values as the memory of an array, and at least one row.
    """
    try:
        contents = list(_contents(message))
    except (Unfit, IndexError, UnicodeDecodeError):
        return []
    return contents if len({content.name for content in contents}) == len(contents) else []


def _contents(message: bytes) -> Iterator[Content]:
    for field, request in _fields(message, Span(PREFIX_LENGTH, len(message))):
        if field == _INPUTS:
            entry = list(_fields(message, request))
            if [tag for tag, _ in entry] != [_KEY, _VALUE]:
                raise Unfit
            (_, key), (_, tensor) = entry
            yield Content(*_content(message, tensor), message[key.begin : key.end].decode())


def _content(message: bytes, tensor: Span) -> Span:
    found = dict(fields := list(_fields(message, tensor)))
    if len(fields) != 3 or not {_DTYPE, _SHAPE} < found.keys():
        raise Unfit
    dtype, _ = _varint(message, found[_DTYPE].begin)
    values = found.get(_CONTENT) or found.get(_TYPED.get(dtype, _CONTENT))
    dimensions = list(_fields(message, found[_SHAPE]))
    if values is None or not dimensions or any(tag != _DIMENSION for tag, _ in dimensions):
        raise Unfit
    sizes = dict(_fields(message, dimensions[0][1]))
    if _SIZE not in sizes or not values.begin < values.end:
        raise Unfit
    return values


def _fields(message: bytes, within: Span) -> Iterator[tuple[int, Span]]:
    """The fields of a message in protobuf's wire format, by tag; raises :class:`Unfit` for rare types."""
    at, end = within
    for _ in range(_MOST_FIELDS):
        if at == end:
            return
        tag, at = _varint(message, at)
        if tag & 7 == _TEXT:
            size, at = _varint(message, at)
        elif tag & 7 == _VARINT:
            size = _varint(message, at)[1] - at
        else:
            raise Unfit
        if at + size > end:
            raise Unfit
        yield tag, Span(at, at + size)
        at += size
    raise Unfit


def _varint(message: bytes, at: int) -> tuple[int, int]:
    """A number, and where it ends; raises :class:`Unfit` for what is none."""
    number = 0
    for shift in range(0, 7 * _LONGEST_VARINT, 7):
        byte, at = message[at], at + 1
        number |= (byte & 127) << shift
        if byte < 128:
            return number, at
    raise Unfit
