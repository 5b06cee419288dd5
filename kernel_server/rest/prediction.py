"""One request for inference, from its text to its reply: answered by its model or by the clock."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache, partial
from time import perf_counter
from typing import Generic, Protocol, TypeVar

from kernel_server.core.handle import ServableHandle
from kernel_server.core.servable import Servable
from kernel_server.errors import DeadlineExceeded, ServingError
from kernel_server.handlers import Handlers
from kernel_server.handlers.model_spec import ModelSpec
from kernel_server.monitoring.timing import Entry, TimingRecord
from kernel_server.rest.api import Answer, GiveUp
from kernel_server.rest.aside import aside
from kernel_server.rest.deadlines import Deadlines
from kernel_server.rest.http1.exchange import Fields, Reply

_LARGE_TEXT = 256 * 1024
"""Bytes from which a request is decoded on a worker thread, for a few milliseconds are everybody's time."""

_VERSION_FIELD = "X-Model-Version"
"""Tells which version has answered: TensorFlow Serving's JSON has no place for it."""

T = TypeVar("T")


class Question(Protocol[T]):
    """What a request asks of a model."""

    def decode(self, text: bytes, found: Servable | ServingError) -> None:
        """Read the request's body for the model, or raise why there is none if the text itself is in order.

        May run on a worker thread. Raises a :class:`ServingError`.
        """

    def start(
        self,
        handlers: Handlers,
        handle: ServableHandle,
        deadline: float,
        record: TimingRecord,
        done: Callable[[T | ServingError], None],
    ) -> GiveUp:
        """Put the decoded question to the model; see the ``start`` of the handlers."""

    def encode(self, outcome: T) -> Reply:
        """The reply that tells what the model answers. Raises a :class:`ServingError`."""


class Prediction(Generic[T]):
    """Puts ``question`` to a model and tells ``answer`` the reply, once.

    A model that answers later does so for nobody; its version stays borrowed until then.
    """

    __slots__ = (
        "_abandon",
        "_answer",
        "_deadline",
        "_deadlines",
        "_ended",
        "_handle",
        "_handlers",
        "_question",
        "_record",
    )

    def __init__(
        self,
        handlers: Handlers,
        question: Question[T],
        entry: Entry,
        deadlines: Deadlines,
        answer: Answer,
    ) -> None:
        self._handlers = handlers
        self._question = question
        self._deadlines = deadlines
        self._answer = answer
        self._record = TimingRecord(entry)
        self._ended = False
        self._handle: ServableHandle | None = None
        self._abandon: GiveUp | None = None

    def begin(self, spec: ModelSpec, text: bytes, key: bytes | None = None) -> GiveUp:
        """Decode ``text`` for the model that ``spec`` means, and start.

        Requests with one ``key`` stay with one arm of a split. Returns what to call when nobody wants the
        answer any more.
        """
        self._deadline = self._deadlines.add(self._expire)
        found = self._open(spec, key)
        if len(text) > _LARGE_TEXT:
            aside(partial(self._question.decode, text, found), self._decoded)
            return self._give_up
        try:
            self._question.decode(text, found)
        except Exception as error:
            self._decoded(error)
        else:
            self._decoded(None)
        return self._give_up

    def _open(self, spec: ModelSpec, key: bytes | None) -> Servable | ServingError:
        try:
            self._handle = self._handlers.predict.open(spec, key)
        except ServingError as error:
            return error
        return self._handle.servable

    def _decoded(self, error: Exception | None) -> None:
        """Go on after decoding, perhaps with nobody left who waits."""
        handle = self._handle
        if handle is not None and error is None and not self._ended:
            self._record.decoded = perf_counter()
            try:
                self._abandon = self._question.start(
                    self._handlers, handle, self._deadline, self._record, self._done
                )
                return
            except Exception as refusal:
                error = refusal
        if handle is not None:
            handle.release()
        if error is not None and not self._ended:
            self._end(error)

    def _done(self, outcome: T | ServingError) -> None:
        """The model has answered."""
        assert self._handle is not None, "answered without a model"
        self._handle.release()
        if self._ended:
            return
        if isinstance(outcome, ServingError):
            self._end(outcome)
            return
        try:
            reply = self._question.encode(outcome)
        except Exception as error:
            self._end(error)
            return
        self._record.replied()
        body, status, headers = reply
        self._end(Reply(body, status, headers + _version_field(self._handle.id.version)))

    def _end(self, outcome: Reply | Exception) -> None:
        self._ended = True
        self._abandon = None
        self._deadlines.remove(self._expire)
        self._answer(outcome)

    def _expire(self) -> None:
        self._give_up()
        self._answer(DeadlineExceeded("Timed out waiting for notification"))

    def _give_up(self) -> None:
        if self._ended:
            return
        self._ended = True
        self._deadlines.remove(self._expire)
        if self._abandon is not None:
            self._abandon()


@lru_cache(maxsize=1024)
def _version_field(version: int) -> Fields:
    return ((_VERSION_FIELD, str(version)),)
