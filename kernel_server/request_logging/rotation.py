"""Collectors that write to files, one after the other."""

from __future__ import annotations

import re
from abc import abstractmethod
from contextlib import suppress
from pathlib import Path
from typing import ClassVar, Protocol

from tensorflow_serving.apis.prediction_log_pb2 import PredictionLog

from kernel_server.config.request_logging import RequestLogging
from kernel_server.errors import InvalidArgument
from kernel_server.request_logging.collectors import Collector


class LogFile(Protocol):
    """An open file of records."""

    def write(self, record: bytes, /) -> object:
        """Append one record."""

    def flush(self) -> object:
        """Hand everything to the operating system."""

    def close(self) -> object:
        """Flush and close."""


class RotatingCollector(Collector):
    """Writes ``<filename_prefix>-<number><suffix>``: all are done but that with the highest number.

    A file is done when one more record would make it larger than ``max_file_bytes``, and when it has
    ``max_file_records``. Numbers go on where a former server stopped, and writers with the same prefix take
    different ones. What cannot be written leaves the file; the next record tries a new one.
    """

    suffix: ClassVar[str]
    frame_bytes: ClassVar[int] = 0
    """What the file adds to each record."""

    def __init__(self, config: RequestLogging) -> None:
        prefix = Path(config.filename_prefix)
        if not prefix.is_absolute() or not prefix.parent.is_dir():
            raise InvalidArgument(
                "filename_prefix of log_collector_config must be an absolute path in a folder that exists; "
                f"was '{config.filename_prefix}'"
            )
        self._folder, self._stem = prefix.parent, prefix.name
        self._name = re.compile(re.escape(prefix.name) + r"-(\d+)" + re.escape(self.suffix))
        self._config = config
        self._file: LogFile | None = None
        self._path = prefix
        self._records = 0

    def collect(self, log: PredictionLog) -> None:
        """Append one record, and hand it to the operating system."""
        record = self._encode(log)
        file = self._file_for(len(record) + self.frame_bytes)
        try:
            file.write(record)
            file.flush()
        except BaseException:
            with suppress(Exception):
                self.close()
            raise
        self._records += 1

    def close(self) -> None:
        """Close the file, if one is open."""
        file, self._file = self._file, None
        if file is not None:
            file.close()

    @abstractmethod
    def _encode(self, log: PredictionLog) -> bytes:
        """The record that stands for ``log``."""

    @abstractmethod
    def _open(self, path: Path) -> LogFile:
        """Open an empty file to write records."""

    def _file_for(self, more: int) -> LogFile:
        if self._file is not None and self._has_room(more):
            return self._file
        self.close()
        self._file = self._begin()
        self._records = 0
        return self._file

    def _has_room(self, more: int) -> bool:
        try:
            size = self._path.stat().st_size
        except FileNotFoundError:  # writing would go on without error, into a file that nobody can find
            return False
        limits = self._config
        return size + more <= limits.max_file_bytes and self._records < limits.max_file_records

    def _begin(self) -> LogFile:
        numbers = self._numbers()
        self._remove_all_but_the_last(numbers)
        number = max(numbers, default=0) + 1
        while not self._take(number):
            number += 1
        return self._open(self._path)

    def _take(self, number: int) -> bool:
        self._path = self._file_of(number)
        try:
            self._path.touch(exist_ok=False)
        except FileExistsError:
            return False
        return True

    def _remove_all_but_the_last(self, numbers: list[int]) -> None:
        if self._config.max_files:
            for number in sorted(numbers)[: -self._config.max_files]:
                self._file_of(number).unlink(missing_ok=True)

    def _numbers(self) -> list[int]:
        found = (self._name.fullmatch(path.name) for path in self._folder.iterdir())
        return [int(match[1]) for match in found if match]

    def _file_of(self, number: int) -> Path:
        return self._folder / f"{self._stem}-{number:05d}{self.suffix}"
