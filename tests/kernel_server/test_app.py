"""The composition of a server: how it starts, what keeps it from starting, and when it wants to end.

The server runs on the event loop of the test; ``test_process.py`` has whole processes.
"""

from __future__ import annotations

import asyncio
import logging
import shutil
import socket
import subprocess
import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import grpc
import pytest
from support.stubs import TIMEOUT, Client
from support.testdata import upstream

from kernel_server.app import App
from kernel_server.config.text_format import InvalidTextProto
from kernel_server.core.status_text import ModelsUnavailable
from kernel_server.errors import NotFound
from kernel_server.listening import AddressInUse
from kernel_server.rpc import control_pb2 as pb
from kernel_server.servables.tensorflow_device import NoSuchDevice
from kernel_server.settings import Settings

PATIENCE = 60.0


@pytest.fixture
async def make(tmp_path: Path) -> AsyncIterator[Callable[..., App]]:
    """Makes servers that are stopped at the end of the test."""
    apps: list[App] = []

    def make(**settings: Any) -> App:
        given = {"host": "127.0.0.1", "port": "auto", "device": "cpu", "max_num_load_retries": 0} | settings
        apps.append(App(Settings(state_file=tmp_path / "state.json", **given)))
        return apps[-1]

    yield make
    for app in apps:
        assert await app.stop()
    assert not (tmp_path / "state.json").exists()


@pytest.fixture
def half(models: dict[str, Path]) -> dict[str, str]:
    """The settings that serve ``half``."""
    return {"model_name": "half", "model_base_path": str(models["half"])}


async def ask(app: App, method: Callable[[Client], Any]) -> Any:
    """What a client in another thread makes of the server."""
    with grpc.insecure_channel(str(app.process.addresses.grpc)) as channel:
        return await asyncio.to_thread(method, Client(channel))


async def until(condition: Callable[[], bool], what: str) -> None:
    deadline = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < deadline, f"not so in time: {what}"
        await asyncio.sleep(0.01)


class TestStart:
    async def test_what_the_manual_promises(self, make: Callable[..., App]) -> None:
        path = str(upstream("saved_model_half_plus_two_cpu"))
        app = make(model_name="half_plus_two", model_base_path=path)
        await app.start()
        answer = await ask(app, lambda client: client.predict("half_plus_two", [1.0, 2.0, 5.0]))
        assert answer["y"].tolist() == [2.5, 3.0, 4.5]

    async def test_it_waits_for_a_first_version(
        self,
        make: Callable[..., App],
        models: dict[str, Path],
        tmp_path: Path,
        caplog: pytest.LogCaptureFixture,
    ) -> None:
        base_path = tmp_path / "late"
        app = make(model_name="late", model_base_path=str(base_path), idle_timeout_seconds=0.1)
        starting = asyncio.create_task(app.start())
        message = f"Could not find base path {base_path} for servable late"
        await until(lambda: message in caplog.text, "the missing folder is told")
        assert not starting.done()
        assert not (tmp_path / "state.json").exists()
        shutil.copytree(models["half"] / "1", tmp_path / "copy" / "1")
        (tmp_path / "copy").rename(base_path)
        await starting
        answer = await ask(app, lambda client: client.predict("late", [1]))
        assert answer["y"].tolist() == [2.5]

    async def test_a_relative_socket_is_told_as_an_absolute_one(
        self, make: Callable[..., App], half: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.chdir(tmp_path)
        app = make(**half, port=0, grpc_socket_path=Path("g.sock"))
        await app.start()
        assert app.process.addresses == (None, tmp_path / "g.sock", None)
        await app.stop()
        assert not (tmp_path / "g.sock").exists()

    async def test_batching_has_the_name_of_the_pool_of_tensorflow_serving(
        self, make: Callable[..., App], half: dict[str, str]
    ) -> None:
        app = make(**half)
        await app.start()
        batching = await ask(app, lambda client: client.batching("half"))
        assert (batching.enabled, batching.parameters.thread_pool_name) == (
            False,
            "model_server_batch_threads",
        )


class TestFailedStart:
    @pytest.mark.parametrize("flag", ["port", "rest_api_port"])
    async def test_a_port_in_use(self, make: Callable[..., App], half: dict[str, str], flag: str) -> None:
        with socket.create_server(("127.0.0.1", 0)) as taken:
            app = make(**half, **{flag: taken.getsockname()[1]})
            with pytest.raises(AddressInUse, match=f"another --{flag}"):
                await app.start()

    async def test_a_gpu_that_is_missing(self, half: dict[str, str]) -> None:
        with pytest.raises(NoSuchDevice):
            App(Settings(**half, device="gpu:7"))

    async def test_a_model_that_does_not_load(self, make: Callable[..., App], tmp_path: Path) -> None:
        (tmp_path / "model" / "3").mkdir(parents=True)
        app = make(model_name="m", model_base_path=str(tmp_path / "model"))
        with pytest.raises(ModelsUnavailable) as caught:
            await app.start()
        assert caught.value.message.startswith(
            "1 servable(s) did not become available: {{name: m version: 3} due to error: NOT_FOUND: "
            "Could not find SavedModel .pb or .pbtxt"
        )

    async def test_a_typo_in_the_batching_parameters(
        self, half: dict[str, str], tmp_path: Path, capfd: pytest.CaptureFixture[str]
    ) -> None:
        file = tmp_path / "batching.txt"
        file.write_text("max_batch_size { value: 8 }\nmax_enqeued_batches { value: 1 }\n")
        settings = Settings(**half, enable_batching=True, batching_parameters_file=file)
        with pytest.raises(
            InvalidTextProto, match=r"line 2, column 1: .*max_enqeued_batches.*max_enqueued_batches"
        ):
            App(settings)
        assert (
            "Error parsing text-format tensorflow.serving.BatchingParameters: 2:1" in capfd.readouterr().err
        )

    async def test_an_owner_that_is_gone_already(
        self, half: dict[str, str], owner: subprocess.Popen[bytes]
    ) -> None:
        owner.kill()
        owner.wait()
        with pytest.raises(NotFound, match=f"There is no process {owner.pid}"):
            App(Settings(**half, owner_pid=owner.pid))


class TestEnd:
    async def test_it_ends_when_nobody_asks(
        self, make: Callable[..., App], half: dict[str, str], caplog: pytest.LogCaptureFixture
    ) -> None:
        app = make(**half, idle_timeout_seconds=0.3)
        with caplog.at_level(logging.INFO):
            await app.start()
            await asyncio.wait_for(app.process.stop_requested.wait(), PATIENCE)
        assert "Stopping: no request came for 0.3 s" in caplog.text

    async def test_a_long_request_is_no_idle_time(
        self, make: Callable[..., App], models: dict[str, Path]
    ) -> None:
        app = make(model_name="gate", model_base_path=str(models["gate"]), idle_timeout_seconds=0.5)
        await app.start()
        with grpc.insecure_channel(str(app.process.addresses.grpc)) as channel:
            client = Client(channel)
            waiting = asyncio.create_task(asyncio.to_thread(client.predict, "gate", [7]))
            await asyncio.sleep(1.0)
            assert not app.process.stop_requested.is_set()
            await asyncio.to_thread(client.predict, "gate", [1], signature="release")
            assert (await waiting)["y"].tolist() == [7.0]
        await asyncio.wait_for(app.process.stop_requested.wait(), PATIENCE)

    async def test_stop_over_grpc(self, make: Callable[..., App], half: dict[str, str]) -> None:
        app = make(**half)
        await app.start()
        await ask(app, lambda client: client.control.Stop(pb.StopRequest(), timeout=TIMEOUT))
        assert app.process.stop_requested.is_set()

    async def test_an_owner_that_ends_during_the_first_load(
        self, make: Callable[..., App], tmp_path: Path, owner: subprocess.Popen[bytes]
    ) -> None:
        app = make(
            model_name="m", model_base_path=str(tmp_path), owner_pid=owner.pid, owner_timeout_seconds=0.0
        )
        starting = asyncio.create_task(app.start())
        owner.kill()
        await asyncio.wait_for(starting, PATIENCE)
        assert app.process.stop_requested.is_set()
        assert not app.process.ready
