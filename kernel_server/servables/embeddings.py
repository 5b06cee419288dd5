"""Embeddings: the rows of ``embeddings.npy``, mapped into memory and read only where they are asked for.

``serving_default`` answers the ``embeddings`` of ``ids``, the numbers of rows from 0, and refuses numbers
that the file does not have. With a ``vocabulary.txt`` beside it, a word for each row, signature ``tokens``
answers those of words; a word that is not in it has zeros.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np

from kernel_server.core.dtypes import DataType
from kernel_server.core.loader import Loader, LoaderFactory
from kernel_server.core.servable import Array, Servable
from kernel_server.core.signature import DEFAULT_SIGNATURE, Signature
from kernel_server.errors import DataLoss, InvalidArgument, NotFound
from kernel_server.servables.functions import Function, FunctionServable, column
from kernel_server.servables.tables import UNKNOWN, VOCABULARY_FILE, lines_of, look_up, numbered
from kernel_server.settings import Settings

FILE = "embeddings.npy"


class UnknownId(InvalidArgument):
    """There is no row of this number."""

    def __init__(self, lowest: int, highest: int, rows: int) -> None:
        super().__init__(f"ids must lie between 0 and {rows - 1}; were between {lowest} and {highest}")


def platform(settings: Settings) -> LoaderFactory:
    """The loader factory of platform ``embeddings``."""
    return lambda servable, folder: EmbeddingsLoader(folder)


class EmbeddingsLoader(Loader):
    """Maps the matrix of one version folder."""

    def __init__(self, folder: Path) -> None:
        self._file = folder / FILE
        self._vocabulary = folder / VOCABULARY_FILE

    def load(self) -> Servable:
        """Raises ``NotFound`` without a file, ``DataLoss`` for no matrix or for words that do not suit it."""
        matrix = self._read()
        outputs = column("embeddings", DataType.of(matrix.dtype), matrix.shape[1])
        by_id = Signature(DEFAULT_SIGNATURE, column("ids", DataType.INT64), outputs)
        functions: dict[str, tuple[Signature, Function]] = {by_id.name: (by_id, _by_id(matrix))}
        if self._vocabulary.is_file():
            words = lines_of(self._vocabulary)
            if len(words) != len(matrix):
                raise DataLoss(
                    f"{self._vocabulary} has {len(words)} words for the {len(matrix)} rows of {FILE}"
                )
            by_token = Signature("tokens", column("tokens", DataType.STRING), outputs)
            functions[by_token.name] = by_token, _by_token(matrix, numbered(words))
        return FunctionServable(functions)

    def _read(self) -> Array:
        if not self._file.is_file():
            raise NotFound(f"There is no {self._file}; write it with numpy.save")
        try:
            matrix: Array = np.asarray(np.load(self._file, mmap_mode="r", allow_pickle=False))
        except (ValueError, EOFError) as error:
            raise DataLoss(f"Could not load {self._file}: {error}") from error
        if matrix.ndim != 2:
            raise DataLoss(f"{self._file} must hold a matrix; its shape is {matrix.shape}")
        return matrix


def _by_id(matrix: Array) -> Function:
    def function(ids: Array) -> Mapping[str, Array]:
        if ids.size and (ids.min() < 0 or ids.max() >= len(matrix)):
            raise UnknownId(int(ids.min()), int(ids.max()), len(matrix))
        return {"embeddings": matrix[ids]}

    return function


def _by_token(matrix: Array, numbers: Mapping[bytes, int]) -> Function:
    def function(tokens: Array) -> Mapping[str, Array]:
        rows = look_up(numbers, tokens, UNKNOWN, DataType.INT64)
        embeddings = matrix[rows]
        embeddings[rows == UNKNOWN] = 0
        return {"embeddings": embeddings}

    return function
