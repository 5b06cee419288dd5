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
from kernel_server.core.servable import Array, Servable, ServableId
from kernel_server.errors import ServingError
from kernel_server.traffic.comparison import Comparison, Difference, compare
from kernel_server.traffic.traffic import Traffic

MOST_WAITING = 1024
"""Copies that may wait for the shadow; more are dropped."""

MOST_WAITING_BYTES = 64 << 20
"""Their arrays together, unless it is one alone."""

_GIVES_WAY = 9
"""How many times as long as a copy took the next one gives way to real requests."""

_SHORTEST_REST, _LONGEST_REST = 2e-3, 1.0
"""Seconds: the event loop has work with a copy, too; and one that takes long may be the first of many."""

_QUIET = 5e-3
"""Seconds without a request after which there is nobody to give way to."""

_log = logging.getLogger(__name__)

Run = Callable[[], Mapping[str, Array]]
"""Answers a request by itself, on any thread; the outputs by name."""

Outcome = Mapping[str, Difference] | str | None
"""The differences, an error, or nothing where the version was unloaded, or the shadow replaced, before."""


@dataclass(frozen=True, slots=True)
class _Copy:
    """A request to repeat, the answer that was given to it, and what the comparison is added to.

    It does not keep its version from being unloaded: ``run`` may be called while ``servable`` is borrowed.
    """

    version: ServableId
    servable: Servable
    run: Run
    answer: Mapping[str, Array]
    size: int
    comparison: Comparison


class Mirror:
    """Has one thread of its own, which runs copies alone, outside of the batches of real requests.

    What the shadow shares with them is the machine: as long as requests come, it rests for nine times as long
    as it works, a second at most. All methods belong to the event loop's thread. ``quiet`` says for how many
    seconds there has been no request; it is asked from the shadow's thread.
    """

    def __init__(self, manager: Manager, traffic: Traffic, quiet: Callable[[], float]) -> None:
        self._manager = manager
        self._traffic = traffic
        self._quiet = quiet
        self._stopping = threading.Event()
        self._loop = asyncio.get_running_loop()
        self._copies: SimpleQueue[_Copy | None] = SimpleQueue()
        self._waiting = self._waiting_bytes = 0
        self._thread: threading.Thread | None = None

    def wants(self, answered: ServableId) -> bool:
        """Whether requests that this version has answered are to be repeated."""
        found = self._traffic.of(answered.name) if self._traffic.models else None
        return found is not None and found.shadow is not None and found.shadow_version != answered.version

    def takes(self, answered: ServableId) -> bool:
        """Whether the next of the requests that it :meth:`wants` is to be offered; else it is dropped."""
        found = self._traffic.models[answered.name]
        if found.shadow_version is not None and self._waiting < MOST_WAITING:
            return True
        found.comparison.dropped += 1
        return False

    def offer(
        self,
        answered: ServableId,
        inputs: Sequence[Array],
        answer: Mapping[str, Array],
        prepare: Callable[[ServableHandle], Run],
    ) -> None:
        """Repeat a request that the shadow :meth:`takes`, once its ``answer`` is on the way. Never raises.

        ``prepare`` makes what runs the request on another version; it runs here, and what it returns on
        the mirror's thread.
        """
        found = self._traffic.models[answered.name]
        size = sum(array.nbytes for array in (*inputs, *answer.values()))
        if self._waiting > 0 and self._waiting_bytes + size > MOST_WAITING_BYTES:
            found.comparison.dropped += 1
            return
        try:
            handle = self._manager.handle(answered.name, found.shadow_version)
        except ServableNotFound:  # it has just been unloaded
            found.comparison.dropped += 1
            return
        with handle:
            try:
                run = prepare(handle)
            except Exception as error:
                found.comparison.fail(_told(error))
            else:
                self._enqueue(_Copy(handle.id, handle.servable, run, answer, size, found.comparison))

    def stop(self, timeout: float) -> bool:
        """Forget what waits and end the thread; returns whether it ended within ``timeout`` seconds."""
        self._stopping.set()
        with suppress(Empty):
            while self._copies.get_nowait() is not None:
                pass
        self._copies.put(None)
        if self._thread is not None:
            self._thread.join(timeout)
        return self._thread is None or not self._thread.is_alive()

    def _enqueue(self, copy: _Copy) -> None:
        if self._thread is None:
            self._thread = threading.Thread(target=self._work, name="shadow", daemon=True)
            self._thread.start()
        self._waiting += 1
        self._waiting_bytes += copy.size
        self._copies.put(copy)

    def _work(self) -> None:
        while (copy := self._copies.get()) is not None:
            began = perf_counter()
            outcome, seconds = self._outcome(copy)
            self._loop.call_soon_threadsafe(self._finished, copy.size, copy.comparison, outcome, seconds)
            del copy  # its arrays are let go before the next is waited for
            if outcome is not None:
                self._give_way(perf_counter() - began)

    def _give_way(self, seconds: float) -> None:
        """Leave time to real requests after a copy that took so much of it."""
        if self._quiet() < _QUIET:
            self._stopping.wait(min(max(_GIVES_WAY * seconds, _SHORTEST_REST), _LONGEST_REST))

    def _outcome(self, copy: _Copy) -> tuple[Outcome, float]:
        """What came of it, and the seconds that the shadow took."""
        # The event loop's, but a model stays there, and a comparison that is late to change costs one copy.
        if self._traffic.models[copy.version.name].comparison is not copy.comparison:
            return None, 0.0
        try:
            with self._manager.handle(copy.version.name, copy.version.version) as handle:
                if handle.servable is not copy.servable:  # loaded anew
                    return None, 0.0
                began = perf_counter()
                theirs = copy.run()
                seconds = perf_counter() - began
            return compare(copy.answer, theirs), seconds
        except ServableNotFound:
            return None, 0.0
        except Exception as error:  # a servable plug-in may raise anything; the thread must live on
            return _told(error), 0.0

    def _finished(self, size: int, comparison: Comparison, outcome: Outcome, seconds: float) -> None:
        self._waiting -= 1
        self._waiting_bytes -= size
        if outcome is None:
            comparison.dropped += 1
        elif isinstance(outcome, str):
            comparison.fail(outcome)
        else:
            comparison.add(outcome, seconds)


def _told(error: Exception) -> str:
    """What to tell of an error; one that is not on purpose is a defect, of the model or of this server."""
    if isinstance(error, ServingError):
        return error.message
    _log.error("The shadow failed", exc_info=error)
    return f"{type(error).__name__}: {error}"
