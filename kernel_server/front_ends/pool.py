"""The model process's front ends: started, replaced when they die, and sent away at the end."""

from __future__ import annotations

import asyncio
import logging
import socket
import sys
from asyncio.subprocess import DEVNULL, Process
from pathlib import Path

from kernel_server.front_ends.link import Kind, Link
from kernel_server.front_ends.remote_calls import Accept, RemoteCalls
from kernel_server.rpc.predicts_together import PredictsTogether

_log = logging.getLogger(__name__)

_PAUSE = 1.0
"""Seconds before a front end that has died is replaced, so that one that cannot live costs little."""

_PATIENCE = 5.0
"""Seconds that a front end may take to end when it has nothing more to do."""


class FrontEndPool:
    """Keeps ``count`` front ends, whose calls go to ``accept``, and to ``together`` if they are alike."""

    def __init__(
        self, accept: Accept, together: PredictsTogether, count: int, ssl_config_file: Path | None
    ) -> None:
        self._accept = accept
        self._together = together
        self.count = count
        self._options = [f"--ssl_config_file={ssl_config_file.absolute()}"] if ssl_config_file else []
        self._running: dict[Link, Process] = {}
        self._keepers: list[asyncio.Task[None]] = []
        self._stopping = False

    async def start(self, listening: socket.socket) -> None:
        """Serve on a bound socket."""
        for _ in range(self.count):
            link, process = await self._spawn(listening)
            self._keepers.append(asyncio.create_task(self._keep(listening, link, process)))

    async def stop(self, grace_seconds: float) -> None:
        """Send all away; calls in progress get ``grace_seconds`` to end."""
        self._stopping = True
        for link in self._running:
            link.send(Kind.LEAVE, 0, str(grace_seconds).encode())
        if self._keepers:
            await asyncio.wait(self._keepers, timeout=grace_seconds + _PATIENCE)
        for process in self._running.values():
            process.kill()
        await asyncio.gather(*self._keepers)

    async def _keep(self, listening: socket.socket, link: Link, process: Process) -> None:
        while True:
            self._running[link] = process
            status = await process.wait()
            del self._running[link]
            link.close()
            if not self._stopping:
                _log.error("A front end ended with status %s; another one takes its place", status)
                await asyncio.sleep(_PAUSE)
            if self._stopping:
                return
            link, process = await self._spawn(listening)

    async def _spawn(self, listening: socket.socket) -> tuple[Link, Process]:
        ours, theirs = socket.socketpair()
        with theirs:
            inherited = theirs.fileno(), listening.fileno()
            command = [sys.executable, "-m", "kernel_server.front_ends", *map(str, inherited), *self._options]
            process = await asyncio.create_subprocess_exec(*command, stdin=DEVNULL, pass_fds=inherited)
        link = RemoteCalls(self._accept, self._together).link
        await asyncio.get_running_loop().create_unix_connection(lambda: link, sock=ours)
        return link, process
