"""What a front end and the model process say to each other: frames of calls over one stream socket.

A frame is its kind, the number of its call, the size of its payload, and the payload. Both ends are of one
version and one machine, so nothing here needs to be lasting or portable.
"""

from __future__ import annotations

import asyncio
import struct
from collections.abc import Callable
from enum import IntEnum
from typing import cast

ANSWER_SIZES = struct.Struct("<HH")
"""Before an answer in one piece: the bytes of its headers, and of its trailers, which follow."""

TOGETHER = struct.Struct("<BI")
"""Before requests in one piece: their template, and how many they are.

The numbers of their calls follow, the seconds each has, 0 for any time, and the contents, tensor by tensor.
"""

UNWANTED = struct.Struct("<B?I")
"""Of a call that has ended early: its template, whether its time was over, and its group."""

_HEAD = struct.Struct("<BII")
_MOST_UNSENT = 1 << 26
_PIECE = 1 << 16
"""Bytes of a payload from which on it goes in several frames, so that none arrives in very many reads."""


class Kind(IntEnum):
    """What a frame says of one call, and from ``TEMPLATE`` on of many that differ in little."""

    MORE = 0
    """Either way: a part of the payload of the frame that follows."""
    OPEN, DATA, END = 1, 2, 3
    """To the model process."""
    ANSWER, WRITE, FINISH = 4, 5, 6
    """To the front end."""
    GONE = 7
    """To the model process: nobody waits for the answer any more."""
    LEAVE = 8
    """To the front end: take nothing new, end when everything is answered."""
    TEMPLATE, TOGETHER, UNWANTED, ABANDONED = 9, 10, 11, 12
    """To the model process: what calls have in common; some of them; that one, or that all, ended early."""
    ANSWERS, APART = 13, 14
    """To the front end: the answers to all or to some of them, or that each is answered by itself."""


Take = Callable[[int, int, bytes], None]
"""Told the kind, the call and the payload of each frame."""


class Link(asyncio.Protocol):
    """One end: calls ``take`` for each frame that comes, and ``lost`` once when the other end is gone.

    What is sent within one turn of the event loop leaves together. ``full`` says that the other end does
    not keep up.
    """

    _transport: asyncio.Transport

    def __init__(self, take: Take, lost: Callable[[], None]) -> None:
        self._take = take
        self._lost = lost
        self._loop = asyncio.get_running_loop()
        self._unsent: list[bytes] = []
        self._rest = b""
        self._pieces: list[bytes] = []
        self.full = False

    def send(self, kind: Kind, call: int, *parts: bytes) -> None:
        """Send one frame, whose payload is ``parts`` one after the other."""
        if not self._unsent:
            self._loop.call_soon(self._flush)
        size = sum(map(len, parts))
        if size <= _PIECE:
            self._unsent += (_HEAD.pack(kind, call, size), *parts)
            return
        payload = b"".join(parts)
        for begin in range(0, size, _PIECE):
            piece = payload[begin : begin + _PIECE]
            last = begin + _PIECE >= size
            self._unsent += (_HEAD.pack(kind if last else Kind.MORE, call, len(piece)), piece)

    def close(self) -> None:
        """Say no more, and hear no more."""
        self._flush()
        self._transport.close()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """The other end is there."""
        self._transport = cast(asyncio.Transport, transport)
        self._transport.set_write_buffer_limits(_MOST_UNSENT)

    def connection_lost(self, exc: Exception | None) -> None:
        """The other end is gone."""
        self._lost()

    def pause_writing(self) -> None:
        """The other end does not keep up."""
        self.full = True

    def resume_writing(self) -> None:
        """The other end has caught up."""
        self.full = False

    def data_received(self, data: bytes) -> None:
        """Hand over the frames that are whole."""
        data = self._rest + data if self._rest else data
        begin, size = 0, len(data)
        while size - begin >= _HEAD.size:
            kind, call, length = _HEAD.unpack_from(data, begin)
            body = begin + _HEAD.size
            if length > size - body:
                break
            begin = body + length
            self._take_piece(kind, call, data[body:begin])
        self._rest = data[begin:]

    def _take_piece(self, kind: int, call: int, payload: bytes) -> None:
        if kind == Kind.MORE:
            self._pieces.append(payload)
            return
        if self._pieces:
            payload = b"".join((*self._pieces, payload))
            self._pieces.clear()
        self._take(kind, call, payload)

    def _flush(self) -> None:
        if self._unsent and not self._transport.is_closing():
            self._transport.write(b"".join(self._unsent))
        self._unsent = []
