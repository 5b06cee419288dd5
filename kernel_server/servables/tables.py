"""Tables in text files: a hash map from keys to values, and a vocabulary of numbered words.

A hash map is a file of lines ``key,value``; of several with one key the first counts. It is ``hashmap.csv``
in a version folder or, with platform ``hashmap`` and as in TensorFlow Serving, the version itself: a file
named by a number. It answers the ``values`` of ``keys`` and whether each was ``found``.

A vocabulary is ``vocabulary.txt``, one word a line, numbered from 0. ``serving_default`` answers the ``ids``
of ``tokens``, -1 for one that is not in it; ``decode`` the ``tokens`` of ``ids``, empty for one out of range.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from kernel_server.core.dtypes import DataType
from kernel_server.core.loader import Loader, LoaderFactory
from kernel_server.core.servable import Array, Servable
from kernel_server.core.signature import DEFAULT_SIGNATURE, Signature
from kernel_server.errors import InvalidArgument, NotFound
from kernel_server.servables.functions import FunctionServable, column
from kernel_server.settings import Settings

HASHMAP_FILE = "hashmap.csv"
VOCABULARY_FILE = "vocabulary.txt"
UNKNOWN = -1


class UnexpectedFormat(InvalidArgument):
    """A line of a hash map is no pair."""

    def __init__(self, file: Path, line: int, columns: int) -> None:
        super().__init__(f"Unexpected format. Line {line} of {file} has {columns} columns, not key,value")


def hashmap_platform(settings: Settings) -> LoaderFactory:
    """The loader factory of platform ``hashmap``."""
    return lambda servable, path: HashmapLoader(path / HASHMAP_FILE if path.is_dir() else path)


def vocabulary_platform(settings: Settings) -> LoaderFactory:
    """The loader factory of platform ``vocabulary``."""
    return lambda servable, folder: VocabularyLoader(folder / VOCABULARY_FILE)


class HashmapLoader(Loader):
    """Reads a file of pairs into memory."""

    def __init__(self, file: Path) -> None:
        self._file = file

    def load(self) -> Servable:
        """Raises ``NotFound`` without a file and :class:`UnexpectedFormat`."""
        values: dict[bytes, bytes] = {}
        for number, line in enumerate(lines_of(self._file), 1):
            pair = line.split(b",")
            if len(pair) != 2:
                raise UnexpectedFormat(self._file, number, len(pair))
            values.setdefault(*pair)

        def function(keys: Array) -> Mapping[str, Array]:
            found = np.array([key in values for key in keys.flat], bool).reshape(keys.shape)
            return {"values": look_up(values, keys, b"", DataType.STRING), "found": found}

        outputs = column("values", DataType.STRING) | column("found", DataType.BOOL)
        signature = Signature(DEFAULT_SIGNATURE, column("keys", DataType.STRING), outputs)
        return FunctionServable({signature.name: (signature, function)})


class VocabularyLoader(Loader):
    """Reads a file of words into memory."""

    def __init__(self, file: Path) -> None:
        self._file = file

    def load(self) -> Servable:
        """Raises ``NotFound`` without a file."""
        words = lines_of(self._file)
        by_word, by_number = numbered(words), dict(enumerate(words))

        def encode(tokens: Array) -> Mapping[str, Array]:
            return {"ids": look_up(by_word, tokens, UNKNOWN, DataType.INT64)}

        def decode(ids: Array) -> Mapping[str, Array]:
            return {"tokens": look_up(by_number, ids, b"", DataType.STRING)}

        ids, tokens = column("ids", DataType.INT64), column("tokens", DataType.STRING)
        return FunctionServable(
            {
                DEFAULT_SIGNATURE: (Signature(DEFAULT_SIGNATURE, tokens, ids), encode),
                "decode": (Signature("decode", ids, tokens), decode),
            }
        )


def lines_of(file: Path) -> list[bytes]:
    """The lines of a file without their ends; raises ``NotFound`` when there is none."""
    if not file.is_file():
        raise NotFound(f"There is no {file}; check that the version is complete")
    return file.read_bytes().splitlines()


def numbered(words: Sequence[bytes]) -> dict[bytes, int]:
    """The number of each word, from 0; of a word that is there twice the first."""
    return {word: number for number, word in reversed(list(enumerate(words)))}


def look_up(table: Mapping[Any, object], keys: Array, default: object, dtype: DataType) -> Array:
    """What ``table`` holds for each of ``keys``, in an array of the same shape."""
    found = np.empty(keys.size, dtype.numpy)
    found[:] = [table.get(key, default) for key in keys.ravel().tolist()]
    return found.reshape(keys.shape)
