"""A version that runs in a process of its own, as the server sees it."""

from __future__ import annotations

import contextlib
import logging
import threading
import time
from collections.abc import Callable, Mapping, Sequence

from kernel_server.core.servable import Array, Runner, Servable, ServableId
from kernel_server.core.signature import Signature
from kernel_server.errors import ServingError
from kernel_server.isolation.model_process import ModelProcess, ModelProcessEnded, question

_log = logging.getLogger(__name__)

_SHORTEST_PAUSE, _LONGEST_PAUSE = 1.0, 60.0
"""Seconds until a process is replaced: twice as many each time, and few again for one that lived for long."""


class IsolatedServable(Servable):
    """Has ``process``, which has loaded the version, answer; replaces it with ``start()`` when it ends.

    Until the next one has loaded, requests get :class:`ModelProcessEnded`.
    """

    def __init__(
        self,
        servable: ServableId,
        process: ModelProcess,
        signatures: Mapping[str, Signature],
        start: Callable[[], ModelProcess],
    ) -> None:
        self._id = servable
        self._process = self._newest = process
        self._signatures = signatures
        self._start = start
        self._starting = threading.Lock()
        self._closing = threading.Event()
        self._keeper = threading.Thread(target=self._keep, name=f"keeper of {servable}", daemon=True)
        self._keeper.start()

    @property
    def signatures(self) -> Mapping[str, Signature]:
        """Those of the version."""
        return self._signatures

    def runner(self, signature: str, outputs: Sequence[str]) -> Runner:
        """Asks the process, which prepares its own runner when it is asked for the first time."""
        return self._runner(question("runner", signature, outputs))

    def joint_runner(self, outputs: Mapping[str, Sequence[str]]) -> Runner:
        """The same for several signatures."""
        return self._runner(question("joint_runner", outputs))

    def close(self) -> None:
        """Close the version and end its process, or the one that is to replace it."""
        with self._starting:
            self._closing.set()
        try:
            with contextlib.suppress(ModelProcessEnded):
                self._process.close()
        finally:
            for process in (self._process, self._newest):
                process.end()
            self._keeper.join()

    def _runner(self, asked: str) -> Runner:
        def run(inputs: Sequence[Array]) -> Sequence[Array]:
            try:
                return self._process.ask(asked, inputs).arrays
            except ModelProcessEnded as error:
                raise error.reworded(f"{error.message}; another one takes its place") from error

        return run

    def _keep(self) -> None:
        """Have another process take the place of one that has ended, for as long as the version is loaded."""
        began, pause = time.monotonic(), _SHORTEST_PAUSE
        why: Exception = self._process.wait()
        while not self._closing.is_set():
            if time.monotonic() - began > _LONGEST_PAUSE:
                pause = _SHORTEST_PAUSE
            _log.error("%s does not answer: %s. Its process is replaced in %g s", self._id, why, pause)
            if self._closing.wait(pause):
                return
            began, pause = time.monotonic(), min(2 * pause, _LONGEST_PAUSE)
            why = self._replace()

    def _replace(self) -> Exception:
        """Serve with another process; return, once it does so no more, why that is."""
        self._process.end()
        try:
            with self._starting:
                if not self._closing.is_set():
                    self._newest = self._start()
            self._newest.load()
        except (ServingError, OSError) as error:
            self._newest.end()
            return error
        self._process = self._newest
        _log.info("%s answers again", self._id)
        return self._process.wait()
