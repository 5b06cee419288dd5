"""JSON text to Python values, as tolerant as TensorFlow Serving and in RapidJSON's words.

orjson parses what is strictly JSON. Only what it refuses is read again by RapidJSON, the parser of
TensorFlow Serving, which also takes NaN and infinities and words its complaints as clients know them.
"""

from __future__ import annotations

import json
import re

import orjson
import rapidjson

from kernel_server.errors import InvalidArgument

ECHO_LIMIT = 256
"""Characters of a client's own JSON that an error message repeats at most."""

_COMPLAINT = re.compile(r"Parse error at offset (\d+): (.*)")
_MORE_AFTER_DOCUMENT = "The document root must not be followed by other values."
_BYTE_ORDER_MARK = b"\xef\xbb\xbf"


class JsonParseError(InvalidArgument):
    """The text is no JSON; ``offset`` is the byte where that shows, where it is known."""

    def __init__(self, problem: str, offset: int | None = None) -> None:
        where = "" if offset is None else f" at offset: {offset}"
        super().__init__(f"JSON Parse error: {problem}{where}")
        self.problem = problem
        self.offset = offset


def parse(text: bytes) -> object:
    """The first JSON value in ``text``; what follows it is ignored.

    Numbers may also be ``NaN``, ``Infinity`` or ``Inf``. Raises :class:`JsonParseError`.
    """
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError:
        return _parse_leniently(text)


def echo(value: object) -> str:
    """``value`` as JSON for an error message, indented by 4 and cut at :data:`ECHO_LIMIT` characters."""
    written = ""
    for piece in json.JSONEncoder(ensure_ascii=False, indent=4).iterencode(value):
        written += piece[: ECHO_LIMIT + 1]
        if len(written) > ECHO_LIMIT:
            return written[:ECHO_LIMIT] + "..."
    return written


def _parse_leniently(text: bytes) -> object:
    if not text:
        raise JsonParseError("The document is empty")
    try:
        return rapidjson.loads(
            text.removeprefix(_BYTE_ORDER_MARK), number_mode=rapidjson.NM_NATIVE | rapidjson.NM_NAN
        )
    except RecursionError:
        raise JsonParseError("Lists and objects are nested too deeply.") from None
    except UnicodeDecodeError as error:
        raise JsonParseError("Invalid encoding in string.", error.start) from None
    except rapidjson.JSONDecodeError as error:
        offset, problem = _understand(str(error))
    if problem == _MORE_AFTER_DOCUMENT:
        return parse(text.removeprefix(_BYTE_ORDER_MARK)[:offset])
    raise JsonParseError(problem, offset)


def _understand(complaint: str) -> tuple[int, str]:
    found = _COMPLAINT.fullmatch(complaint)
    return (int(found[1]), found[2]) if found else (0, complaint)
