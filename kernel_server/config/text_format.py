"""Reads text-proto files, and says exactly where one cannot be read."""

from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import TypeVar

from google.protobuf import descriptor_pool, text_format
from google.protobuf.message import Message

from kernel_server.errors import InvalidArgument, NotFound

M = TypeVar("M", bound=Message)

_POSITION_AND_LINE = re.compile(r"^\d+:\d+ : (?:'.*': )?", re.DOTALL)
_UNKNOWN_FIELD = re.compile(r'Message type "(.+)" has no field named')


class InvalidTextProto(InvalidArgument):
    """The file is not a text proto of the expected message. Lines and columns count from 1."""

    def __init__(self, path: Path, problem: str, line: int | None = None, column: int | None = None) -> None:
        self.path = path
        self.problem = problem
        self.line = line
        self.column = column
        place = f", line {line}, column {column}" if line else ""
        super().__init__(f"Invalid protobuf file: '{path}'{place}: {problem}")


def read_text_proto(path: Path, kind: type[M]) -> M:
    """Parse a UTF-8 text-proto file into a message of type ``kind``.

    Raises :class:`InvalidTextProto`, after writing the line to standard error that the protobuf
    library of ``tensorflow_model_server`` writes there, or
    :class:`~kernel_server.errors.NotFound` when the file cannot be read.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise NotFound(f"Cannot read '{path}': {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise InvalidTextProto(path, f"not UTF-8 text: {error}") from error
    try:
        return text_format.Parse(text, kind())
    except text_format.ParseError as error:
        failure = _located(path, error)
        position = f"{failure.line}:{failure.column}" if failure.line else "0:0"
        name = kind.DESCRIPTOR.full_name
        print(f"Error parsing text-format {name}: {position}: {failure.problem}", file=sys.stderr, flush=True)
        raise failure from error


def _located(path: Path, error: text_format.ParseError) -> InvalidTextProto:
    problem = _POSITION_AND_LINE.sub("", str(error))
    if unknown := _UNKNOWN_FIELD.match(problem):
        message = descriptor_pool.Default().FindMessageTypeByName(unknown[1])
        problem += f" Its fields are: {', '.join(field.name for field in message.fields)}."
    return InvalidTextProto(path, problem, error.GetLine(), error.GetColumn())
