"""When a server should end: its owner is gone, or nobody uses it."""

from __future__ import annotations

import asyncio
import os
import subprocess
import time

import psutil
import pytest

from kernel_server.errors import NotFound
from kernel_server.lifetime import Lifetime, ProcessId

PATIENCE = 60.0

Process = subprocess.Popen[bytes]


async def reason(lifetime: Lifetime) -> str:
    return await asyncio.wait_for(lifetime.over(), PATIENCE)


class TestProcessId:
    def test_a_process_is_told_apart_by_its_start(self) -> None:
        me = ProcessId.of(os.getpid())
        assert me == ProcessId(os.getpid(), psutil.Process().create_time())
        assert me.alive()
        assert not ProcessId(me.pid, me.start_time - 100).alive()

    def test_a_process_that_waits_to_be_reaped_is_not_alive(self, owner: Process) -> None:
        known = ProcessId.of(owner.pid)
        assert known.alive()
        owner.kill()
        deadline = time.monotonic() + PATIENCE
        while known.alive():
            assert time.monotonic() < deadline
        assert owner.returncode is None

    def test_a_process_that_is_gone(self, owner: Process) -> None:
        known = ProcessId.of(owner.pid)
        owner.kill()
        owner.wait()
        assert not known.alive()
        with pytest.raises(NotFound, match=f"There is no process {owner.pid}"):
            ProcessId.of(owner.pid)


class TestLifetime:
    async def test_it_is_over_some_time_after_the_owner(self, owner: Process) -> None:
        lifetime = Lifetime(ProcessId.of(owner.pid), 0.1, 0.0, time.monotonic)
        owner.kill()
        assert await reason(lifetime) == (
            f"its owner, process {owner.pid}, ended and no other took over in 0.1 s"
        )

    @pytest.mark.parametrize("heir", [ProcessId.of(os.getpid()), None], ids=["another owner", "none"])
    async def test_a_server_that_was_handed_over_does_not_end_with_its_first_owner(
        self, owner: Process, heir: ProcessId | None
    ) -> None:
        lifetime = Lifetime(ProcessId.of(owner.pid), 0.0, 0.5, lambda: 0.0)
        lifetime.hand_over(heir)
        owner.kill()
        assert await reason(lifetime) == "no request came for 0.5 s"
