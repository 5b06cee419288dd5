"""One thread that looks again and again, and that is gentle with what does not answer."""

from __future__ import annotations

import threading
from collections.abc import Callable


class Refresher:
    """Calls ``look`` every ``period`` seconds on a thread of its own.

    After an error the pause doubles, up to ``longest_pause``, and ``failed`` is told; the next success
    restores the period. The thread is a daemon, so it never keeps a kernel alive.
    """

    def __init__(
        self,
        look: Callable[[], None],
        failed: Callable[[Exception], None],
        *,
        period: float = 1.0,
        longest_pause: float = 30.0,
    ) -> None:
        self.period = period
        self.longest_pause = longest_pause
        self._look = look
        self._failed = failed
        self._wake = threading.Condition()
        self._due = False
        self._thread: threading.Thread | None = None

    @property
    def running(self) -> bool:
        """Whether it looks at all."""
        return self._thread is not None

    def start(self) -> None:
        """Looks now and goes on looking; does nothing when it does so already."""
        with self._wake:
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="workbench-refresher", daemon=True)
                self._thread.start()

    def stop(self) -> None:
        """Looks no more. Does not wait for a look under way, which may be the caller itself."""
        with self._wake:
            self._thread = None
            self._wake.notify_all()

    def nudge(self) -> None:
        """Makes the next look happen now, as after a change that somebody wants to see."""
        with self._wake:
            self._due = True
            self._wake.notify_all()

    def _run(self) -> None:
        pause = self.period
        while self._is_mine():
            try:
                self._look()
            except Exception as error:  # anything may be down; it must not end the looking
                pause = min(max(2 * pause, self.period), self.longest_pause)
                self._failed(error)
            else:
                pause = self.period
            self._rest(pause)

    def _is_mine(self) -> bool:
        return self._thread is threading.current_thread()

    def _rest(self, pause: float) -> None:
        with self._wake:
            self._wake.wait_for(lambda: self._due or not self._is_mine(), pause)
            self._due = False
