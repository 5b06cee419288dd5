"""Repeats answered requests on the version in the shadow, and compares; nobody waits for it."""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from queue import Empty, SimpleQueue
from time import perf_counter

from kernel_server.core.handle import ServableHandle
from kernel_server.core.manager import Manager, ServableNotFound
from kernel_server.core.servable import Array, ServableId
from kernel_server.errors import ServingError
from kernel_server.traffic.comparison import Comparison, Difference, compare
from kernel_server.traffic.traffic import Traffic

MOST_WAITING = 64
"""Copies that may wait for the shadow; more are dropped."""

MOST_WAITING_BYTES = 64 << 20
"""Their arrays together, unless it is one alone."""

_log = logging.getLogger(__name__)

Run = Callable[[], Mapping[str, Array]]
"""Answers a request by itself, on any thread; the outputs by name."""


@dataclass(frozen=True, slots=True)
class _Copy:
    """A request to repeat, the answer that was given to it, and what the comparison is added to."""

    handle: ServableHandle
    run: Run
    answer: Mapping[str, Array]
    size: int
    comparison: Comparison


class Mirror:
    """Has one thread of its own, which runs copies alone, outside of the batches of real requests.

    What the shadow shares with them is the machine and nothing else. All methods belong to the event
    loop's thread.
    """

    def __init__(self, manager: Manager, traffic: Traffic) -> None:
        self._manager = manager
        self._traffic = traffic
        self._loop = asyncio.get_running_loop()
        self._copies: SimpleQueue[_Copy | None] = SimpleQueue()
        self._waiting = self._waiting_bytes = 0
        self._thread: threading.Thread | None = None

    def wants(self, answered: ServableId) -> bool:
        """Whether requests that this version has answered are to be offered."""
        found = self._traffic.of(answered.name) if self._traffic.models else None
        return found is not None and found.shadow is not None and found.shadow_version != answered.version

    def offer(
        self,
        answered: ServableId,
        inputs: Sequence[Array],
        answer: Mapping[str, Array],
        prepare: Callable[[ServableHandle], Run],
    ) -> None:
        """Repeat a request that a shadow :meth:`wants`, once its ``answer`` is on the way. Never raises.

        ``prepare`` makes what runs the request on another version; it runs here, and what it returns on
        the mirror's thread.
        """
        found = self._traffic.models[answered.name]
        size = sum(array.nbytes for array in (*inputs, *answer.values()))
        if found.shadow_version is None or self._is_full(size):
            found.comparison.dropped += 1
            return
        try:
            handle = self._manager.handle(answered.name, found.shadow_version)
        except ServableNotFound:  # it has just been unloaded
            found.comparison.dropped += 1
            return
        try:
            run = prepare(handle)
        except Exception as error:
            handle.release()
            found.comparison.fail(_told(error))
        else:
            self._enqueue(_Copy(handle, run, answer, size, found.comparison))

    def stop(self, timeout: float) -> bool:
        """Forget what waits and end the thread; returns whether it ended within ``timeout`` seconds."""
        with suppress(Empty):
            while (waiting := self._copies.get_nowait()) is not None:
                waiting.handle.release()
        self._copies.put(None)
        if self._thread is not None:
            self._thread.join(timeout)
        return self._thread is None or not self._thread.is_alive()

    def _is_full(self, size: int) -> bool:
        too_large = self._waiting > 0 and self._waiting_bytes + size > MOST_WAITING_BYTES
        return self._waiting >= MOST_WAITING or too_large

    def _enqueue(self, copy: _Copy) -> None:
        if self._thread is None:
            self._thread = threading.Thread(target=self._work, name="shadow", daemon=True)
            self._thread.start()
        self._waiting += 1
        self._waiting_bytes += copy.size
        self._copies.put(copy)

    def _work(self) -> None:
        while self._work_once():
            pass

    def _work_once(self) -> bool:
        """Run one copy; its arrays and its version are let go before the next is waited for."""
        copy = self._copies.get()
        if copy is None:
            return False
        began = perf_counter()
        try:
            theirs = copy.run()
            seconds = perf_counter() - began
            outcome: Mapping[str, Difference] | str = compare(copy.answer, theirs)
        except Exception as error:  # a servable plug-in may raise anything; the thread must live on
            outcome, seconds = _told(error), 0.0
        finally:
            copy.handle.release()
        self._loop.call_soon_threadsafe(self._finished, copy.size, copy.comparison, outcome, seconds)
        return True

    def _finished(
        self, size: int, comparison: Comparison, outcome: Mapping[str, Difference] | str, seconds: float
    ) -> None:
        self._waiting -= 1
        self._waiting_bytes -= size
        if isinstance(outcome, str):
            comparison.fail(outcome)
        else:
            comparison.add(outcome, seconds)


def _told(error: Exception) -> str:
    """What to tell of an error; one that is not on purpose is a defect, of the model or of this server."""
    if isinstance(error, ServingError):
        return error.message
    _log.error("The shadow failed", exc_info=error)
    return f"{type(error).__name__}: {error}"
