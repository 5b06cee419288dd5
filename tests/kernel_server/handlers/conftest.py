"""Handlers over a real manager that loads real SavedModels, without a server around them."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import AsyncIterator, Callable
from functools import partial
from pathlib import Path

import pytest
from support.reloading import POLL_SECONDS, Bench

from kernel_server.core.manager import Manager
from kernel_server.handlers.models import Models
from kernel_server.handlers.reload import ReloadHandler
from kernel_server.servables.platforms import Platforms
from kernel_server.settings import Settings
from kernel_server.sources.file_system import FileSystemSource


@pytest.fixture
async def bench() -> AsyncIterator[Bench]:
    """A manager without models, and the handler that gives it some."""
    manager = Manager(max_num_load_retries=0)
    models = Models(manager)
    make_source = partial(FileSystemSource, poll_seconds=POLL_SECONDS)
    reload = ReloadHandler(manager, models, Platforms(Settings(device="cpu")), make_source)
    manager.start()
    reload.source.start()
    yield Bench(manager, models, reload)
    await asyncio.to_thread(reload.source.stop)
    assert await asyncio.to_thread(manager.stop, 30)


@pytest.fixture
def half(models: dict[str, Path], tmp_path: Path) -> Callable[..., Path]:
    """Makes a base path with some versions of ``y = x / 2 + 1 + version``, to be changed at will."""

    def copy(*versions: int, name: str = "half") -> Path:
        (tmp_path / name).mkdir(exist_ok=True)
        for version in versions:
            copied = shutil.copytree(models["half"] / str(version), tmp_path / "incoming")
            Path(copied).rename(tmp_path / name / str(version))
        return tmp_path / name

    return copy
