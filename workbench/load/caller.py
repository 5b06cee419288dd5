"""Calls over several connections from one thread, driven by ``select``.

No event loop: ``epoll`` and libuv round timers to milliseconds, ``select`` keeps microseconds, and a
generator that sends late measures itself.
"""

from __future__ import annotations

import select
import socket
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from workbench.errors import WorkbenchError
from workbench.load.http2 import DEADLINE_EXCEEDED, UNAVAILABLE, GrpcConnection, ProtocolError

clock = time.monotonic

_RECEIVE_BYTES = 1 << 18
_RETRY_SECONDS = 0.1
_UNIX = "unix:"


class Call(NamedTuple):
    """One request on its way; times are of the monotonic clock."""

    request: int
    scheduled: float
    sent: float


class Outcome(NamedTuple):
    """How a call ended: gRPC status number, message, and the reply's bytes."""

    call: Call
    status: int
    message: str
    body: bytes
    received: float


@dataclass(eq=False)
class TargetUnreachable(WorkbenchError):
    """Nothing answered as a gRPC server there."""

    target: str
    reason: str

    def __str__(self) -> str:
        return f"no gRPC server answers at {self.target}: {self.reason}"


class Caller:
    """Sends requests to one gRPC method of one target.

    ``target`` is ``host:port`` or ``unix:/path``. A connection that breaks fails the calls on it and is
    opened again when next needed, so a server that restarts costs errors, never the run.
    """

    def __init__(
        self,
        target: str,
        path: str,
        *,
        connections: int,
        deadline: float,
        metadata: Sequence[tuple[str, str]] = (),
    ):
        self._target = target
        self._deadline = deadline
        self._links = [_Link(target, path, deadline, metadata) for _ in range(connections)]
        self._turn = 0
        self._failed: list[Outcome] = []

    def connect(self, timeout: float = 5.0) -> None:
        """Open every connection; raises :class:`TargetUnreachable` unless all are ready in time."""
        limit = clock() + timeout
        reason = f"not ready after {timeout:g} s"
        while clock() < limit:
            for link in self._links:
                link.open(timeout)
            self.poll(min(limit, clock() + 0.05))
            if all(link.connection.ready for link in self._links):
                return
            reason = next((link.trouble for link in self._links if link.trouble), reason)
        raise TargetUnreachable(self._target, reason)

    def send(self, body: bytes, request: int, scheduled: float) -> float | None:
        """Begin a call and return the time of sending; ``None`` when no connection has room for one more.

        Without any connection the call is taken and fails at once, as ``UNAVAILABLE``.
        """
        now = clock()
        call = Call(request, scheduled, now)
        for _ in self._links:
            self._turn = (self._turn + 1) % len(self._links)
            link = self._links[self._turn]
            link.reopen_when_due(now)
            if link.connection.has_room:
                link.calls[link.connection.call(body)] = call
                return now
        if any(link.connection.ready for link in self._links):
            return None
        trouble = self._links[self._turn].trouble
        self._failed.append(Outcome(call, UNAVAILABLE, f"no connection: {trouble}", b"", now))
        return now

    def poll(self, until: float) -> list[Outcome]:
        """Move bytes until something ended or the clock reads ``until``; returns what ended."""
        outcomes, self._failed = self._failed, []
        for link in self._links:
            outcomes += link.flush()
        wait = max(0.0, min(until, self._next_expiry()) - clock()) if not outcomes else 0.0
        live = {link.socket: link for link in self._links if link.socket is not None}
        waiting = [sock for sock, link in live.items() if link.unsent]
        readable, writable, _ = select.select(live, waiting, (), wait)
        for sock in readable:
            outcomes += live[sock].read()
        for sock in writable:
            outcomes += live[sock].flush()
        outcomes += self._expire()
        return outcomes

    def abandon(self) -> list[Call]:
        """Cancel and return every call still in flight."""
        calls = [call for link in self._links for call in link.calls.values()]
        for link in self._links:
            link.cancel_all()
        return calls

    def close(self) -> None:
        """Close the connections."""
        for link in self._links:
            link.close()

    def _next_expiry(self) -> float:
        oldest = [next(iter(link.calls.values())).sent for link in self._links if link.calls]
        return min(oldest) + self._deadline if oldest else float("inf")

    def _expire(self) -> Iterator[Outcome]:
        """Calls past their deadline; all have the same one, so the oldest expires first."""
        now = clock()
        for link in self._links:
            while link.calls:
                stream, call = next(iter(link.calls.items()))
                if call.sent + self._deadline > now:
                    break
                del link.calls[stream]
                link.connection.cancel(stream)
                yield Outcome(call, DEADLINE_EXCEEDED, "the client's deadline passed", b"", now)


class _Link:
    """A socket and the protocol state that belongs to it."""

    def __init__(self, target: str, path: str, deadline: float, metadata: Sequence[tuple[str, str]]):
        self._target = target
        self._settings = (_authority(target), path, deadline, metadata)
        self.connection = GrpcConnection(*self._settings)
        self.socket: socket.socket | None = None
        self.calls: dict[int, Call] = {}
        self.unsent = b""
        self.trouble = ""
        self._retry_at = 0.0

    def open(self, timeout: float) -> None:
        """Connect unless connected; a failure is kept in ``trouble``."""
        if self.socket is not None:
            return
        try:
            self.socket = _connect(self._target, timeout)
        except OSError as error:
            self.trouble = error.strerror or str(error)
            return
        self.trouble = ""

    def reopen_when_due(self, now: float) -> None:
        """Replace a broken connection, or one that the server is closing once its calls are answered."""
        if self.connection.closing and not self.calls:
            self.close()
        if self.socket is None and now >= self._retry_at:
            self._retry_at = now + _RETRY_SECONDS
            self.open(_RETRY_SECONDS)

    def flush(self) -> list[Outcome]:
        """Write what is due; returns the calls that failed because the connection broke."""
        self.unsent += self.connection.take_outgoing()
        if self.socket is None or not self.unsent:
            return []
        try:
            self.unsent = self.unsent[self.socket.send(self.unsent) :]
        except BlockingIOError:
            return []
        except OSError as error:
            return self._lose(error.strerror or str(error))
        return []

    def read(self) -> list[Outcome]:
        """Read once; returns the calls that ended, whether by reply or because the connection broke."""
        assert self.socket is not None
        try:
            data = self.socket.recv(_RECEIVE_BYTES)
            now = clock()
            if not data:
                return self._lose("closed by the server")
            replies = self.connection.receive(data)
        except BlockingIOError:
            return []
        except (OSError, ProtocolError) as error:
            return self._lose(str(error))
        return [
            Outcome(self.calls.pop(reply.stream), reply.status, reply.message, reply.body, now)
            for reply in replies
        ]

    def cancel_all(self) -> None:
        """Give up every call in flight."""
        for stream in self.calls:
            self.connection.cancel(stream)
        self.calls.clear()
        self.flush()

    def close(self) -> None:
        """Close the socket; calls in flight must have been dealt with."""
        if self.socket is not None:
            self.socket.close()
            self.socket = None
            self.connection, self.unsent = GrpcConnection(*self._settings), b""

    def _lose(self, reason: str) -> list[Outcome]:
        now = clock()
        lost = [
            Outcome(call, UNAVAILABLE, f"connection lost: {reason}", b"", now) for call in self.calls.values()
        ]
        self.calls.clear()
        self.close()
        self.trouble = reason
        return lost


def _connect(target: str, timeout: float) -> socket.socket:
    if target.startswith(_UNIX):
        sock = socket.socket(socket.AF_UNIX)
        sock.settimeout(timeout)
        sock.connect(target.removeprefix(_UNIX))
    else:
        host, _, port = target.rpartition(":")
        sock = socket.create_connection((host.strip("[]"), int(port)), timeout)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    sock.setblocking(False)
    return sock


def _authority(target: str) -> str:
    return "localhost" if target.startswith(_UNIX) else target
