"""What every tab does alike: show the session, run actions off the kernel's thread, show what went wrong."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from html import escape
from typing import Any

import ipywidgets as widgets

from workbench.errors import WorkbenchError
from workbench.widgets.session import Session

logger = logging.getLogger(__name__)


class Message(widgets.HTML):
    """One line or more for the user, announced by screen readers; empty at first."""

    def say(self, text: str, kind: str = "info") -> None:
        """Replaces the message; ``kind`` is info, done or error."""
        role = "alert" if kind == "error" else "status"
        self.value = (
            f'<div class="swb-message" data-kind="{kind}" role="{role}">{escape(text)}</div>' if text else ""
        )

    def fail(self, error: Exception) -> None:
        """Shows an error: its own words when it is one of ours, its type as well when it is not."""
        words = str(error) if isinstance(error, WorkbenchError) else f"{type(error).__name__}: {error}"
        self.say(words, "error")


class Pane(widgets.VBox):
    """A tab. Subclasses say in :meth:`draw` how it looks for the present session and ``busy``.

    ``draw`` runs on the refresher's thread, on a job's thread or on the kernel's, never on two at a time, and
    only assigns traits.
    """

    def __init__(self, session: Session, *children: Any) -> None:
        self.session = session
        self.busy = False
        self.job: threading.Thread | None = None
        self.message = Message()
        self._drawing = threading.RLock()
        super().__init__([*children, self.message])
        self.add_class("swb").add_class("swb-pane")
        session.observe(lambda _: self.redraw(), ["server", "snapshot", "model"])
        self.redraw()

    def draw(self) -> None:
        """Brings the controls into line with ``self.session`` and ``self.busy``."""
        raise NotImplementedError

    def redraw(self) -> None:
        """Draws; an error in it is shown instead of lost in a background thread."""
        with self._drawing, self.reporting():
            self.draw()

    @contextmanager
    def reporting(self) -> Iterator[None]:
        """Turns an exception into a message, and into a line of the log."""
        try:
            yield
        except Exception as error:  # a callback has no caller who could handle it
            logger.exception("an action of %s failed", type(self).__name__)
            self.message.fail(error)

    def guarded(self, action: Callable[[], None]) -> Callable[..., None]:
        """``action`` as a callback for a widget event, which it is not told about."""

        def callback(*_: object) -> None:
            with self.reporting():
                action()

        return callback

    def button(self, label: str, action: Callable[[], None], **traits: Any) -> Any:
        """A button that runs ``action`` on the kernel's thread."""
        button = widgets.Button(description=label, **traits)
        button.on_click(self.guarded(action))
        return button

    def start_job(self, doing: str, action: Callable[[], str]) -> None:
        """Runs ``action`` on a thread; what it returns, or what it raises, becomes the message.

        One job at a time: while ``busy`` the request is dropped, as the buttons are disabled then.
        """
        if self.busy:
            return
        self.busy = True
        self.session.activity = doing
        self.message.say(doing)
        self.redraw()
        self.job = threading.Thread(target=self._work, args=(action,), name="workbench-job", daemon=True)
        self.job.start()

    def _work(self, action: Callable[[], str]) -> None:
        with self.reporting():
            self.message.say(action(), "done")
        self.busy = False
        self.session.activity = ""
        self.session.refresher.nudge()
        self.redraw()
