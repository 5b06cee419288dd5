"""The way to one client: its settings, the window of its connection, the streams that wait for room."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from kernel_server.http2.frames import (
    DEFAULT_MAX_FRAME,
    DEFAULT_WINDOW,
    LARGEST_WINDOW,
    ConnectionFault,
    ErrorCode,
    Setting,
)

if TYPE_CHECKING:
    from kernel_server.http2.stream import Stream

MOST_UNSENT = 1 << 30
"""Bytes of answers that may wait for a client; one that leaves more unread gets no new streams."""

_HIGH_WATER, _LOW_WATER = 1 << 22, 1 << 20
_HELD = 1 << 40
"""More than any window: taken from it while the client does not read, so that one comparison covers both."""


class Outgoing:
    """What a client lets its server send. ``window`` and ``initial_window`` count bytes of DATA frames."""

    __slots__ = (
        "_blocked",
        "_closed",
        "_held",
        "_transport",
        "initial_window",
        "max_frame",
        "unsent",
        "window",
    )

    def __init__(self, transport: asyncio.Transport) -> None:
        self._transport = transport
        self._closed = self._held = False
        self._blocked: dict[Stream, None] = {}
        self.window = self.initial_window = DEFAULT_WINDOW
        self.max_frame = DEFAULT_MAX_FRAME
        self.unsent = 0
        transport.set_write_buffer_limits(_HIGH_WATER, _LOW_WATER)

    def send(self, data: bytes) -> None:
        """Put frames on their way; after :meth:`close` they are dropped."""
        if not self._closed:
            self._transport.write(data)

    def block(self, stream: Stream) -> None:
        """The stream has more to send than the client takes now."""
        self._blocked[stream] = None

    def unblock(self, stream: Stream) -> None:
        """The stream waits no more."""
        self._blocked.pop(stream, None)

    def flush(self) -> None:
        """Send what waits and has found room, the oldest first."""
        if self._blocked:
            for stream in list(self._blocked):
                if self.window <= 0:
                    return
                stream.flush()

    def widen(self, increment: int) -> None:
        """The client takes more on the whole connection; what waits is left for :meth:`flush`."""
        self.window += increment
        if self.window > LARGEST_WINDOW:
            raise ConnectionFault(ErrorCode.FLOW_CONTROL_ERROR, "the connection's window is too large")

    def adjust(self, settings: dict[int, int]) -> None:
        """The client has sent new settings; what waits is left for :meth:`flush`."""
        self.initial_window = settings.get(Setting.INITIAL_WINDOW_SIZE, self.initial_window)
        self.max_frame = settings.get(Setting.MAX_FRAME_SIZE, self.max_frame)

    def hold(self) -> None:
        """The client does not read: stop sending, and take in nothing that would need an answer."""
        self._held = True
        self.window -= _HELD
        self._transport.pause_reading()

    def release(self) -> None:
        """The client reads again."""
        self._held = False
        self.window += _HELD
        self._transport.resume_reading()
        self.flush()

    def close(self) -> None:
        """Close when everything is sent, or at once when the client does not read it."""
        self._closed = True
        self._blocked.clear()
        if self._held:
            self._transport.abort()
        else:
            self._transport.close()

    def abort(self) -> None:
        """Close at once."""
        self._transport.abort()
