"""What a model's process answers: one version, loaded as the server itself would load it."""

from __future__ import annotations

import logging
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import orjson

from kernel_server.core.servable import Array, Runner, Servable, ServableId
from kernel_server.errors import Internal, ServingError
from kernel_server.isolation.messages import Message, Piece, packed
from kernel_server.isolation.signatures import signatures_message
from kernel_server.servables.platforms import Platforms
from kernel_server.settings import Settings

_log = logging.getLogger(__name__)


class Model:
    """Answers questions, from several threads once it is loaded."""

    _servable: Servable

    def __init__(self, servable: ServableId, folder: Path, platform: str, settings: Settings) -> None:
        self._id = servable
        self._folder = folder
        self._platform = platform
        self._settings = settings
        self._runners: dict[str, Runner] = {}

    def answer(self, question: str, arrays: Sequence[Array]) -> list[Piece]:
        """The packed answer, or the error that there is in place of one."""
        try:
            return packed(self._answer(question, arrays))
        except ServingError as error:
            return _packed_error(error)
        except Exception as error:  # worded as batches in the server word it
            return _packed_error(Internal(f"{type(error).__name__} while running the model: {error}"))

    def _answer(self, question: str, arrays: Sequence[Array]) -> Message:
        if runner := self._runners.get(question):
            return Message(arrays=runner(arrays))
        method, *arguments = orjson.loads(question)
        if method == "load":
            self._servable = self._load()
            return signatures_message(self._servable.signatures)
        if method == "close":
            self._servable.close()
            sys.stdout.flush()  # a process that is killed does not
            return Message()
        runner = self._runners[question] = self._prepare(method, *arguments)
        return Message(arrays=runner(arrays))

    def _load(self) -> Servable:
        make = Platforms(self._settings).require(self._id.name, self._platform)
        try:
            return make(self._id, self._folder).load()
        except ServingError:
            raise
        except Exception as error:  # worded as the server's manager words it
            _log.exception("Loading %s raised an unexpected error", self._id)
            raise Internal(f"{type(error).__name__}: {error}") from error

    def _prepare(self, method: str, *arguments: Any) -> Runner:
        runner: Runner = getattr(self._servable, method)(*arguments)
        return runner


def _packed_error(error: ServingError) -> list[Piece]:
    text = error.message.encode(errors="replace").decode()  # paths may hold what JSON cannot
    return packed(Message(text, code=error.code))
