"""Borrowing a servable: it is not closed before every borrower has given it back."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Self

from kernel_server.core.servable import Servable, ServableId


class ServableHandle:
    """A borrowed servable; a context manager that gives it back at its end.

    It belongs to one request: :meth:`release` may run on any thread, but not on two at once.
    """

    __slots__ = ("_lender", "id", "servable")

    def __init__(self, lender: Lender) -> None:
        self._lender: Lender | None = lender
        self.id: ServableId = lender.id
        self.servable: Servable = lender.servable

    def release(self) -> None:
        """Give the servable back; calls after the first do nothing. Never waits for an unload."""
        lender, self._lender = self._lender, None
        if lender is not None:
            lender._give_back()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc_info: object) -> None:
        self.release()


class Lender:
    """Lends one loaded servable until it is retired, and tells when the last handle is back."""

    __slots__ = ("_lent", "_lock", "_on_idle", "id", "servable")

    def __init__(self, servable_id: ServableId, servable: Servable) -> None:
        self.id = servable_id
        self.servable = servable
        self._lock = threading.Lock()
        self._lent = 0
        self._on_idle: Callable[[], object] | None = None

    def lend(self) -> ServableHandle | None:
        """A new handle, or ``None`` once retired."""
        with self._lock:
            if self._on_idle is not None:
                return None
            self._lent += 1
        return ServableHandle(self)

    def retire(self, on_idle: Callable[[], object]) -> None:
        """Lend no more, and call ``on_idle`` once, when nothing is lent any longer.

        It runs on the thread that returns the last handle, or on this one if none is out.
        """
        with self._lock:
            self._on_idle = on_idle
            idle = self._lent == 0
        if idle:
            on_idle()

    def _give_back(self) -> None:
        with self._lock:
            self._lent -= 1
            on_idle = self._on_idle if self._lent == 0 else None
        if on_idle is not None:
            on_idle()
