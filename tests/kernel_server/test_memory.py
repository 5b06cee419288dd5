"""What a server holds when it has nothing to do, and after versions that are gone."""

from __future__ import annotations

import ctypes
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest
from benchmarks import swaps
from support.servers import Server, until
from support.stubs import Client, model_config

from kernel_server import tensorflow_environment

MOST_OF_OURS = 100e6
"""Bytes that the server may hold besides TensorFlow and the models."""

BALLAST = 24
"""Megabytes of a version: blocks of up to 32 MiB are those that glibc would keep."""

PYTHON_FILE = f"""
import numpy as np
from kernel_server.servables.python import Tensor, signature

ballast = np.ones(({BALLAST}, 1 << 17))


@signature(inputs={{"x": Tensor("float32", [None])}}, outputs={{"y": Tensor("float32", [None])}})
def same(x):
    return x
"""


def test_an_idle_server_is_little_more_than_tensorflow(
    start_server: Callable[..., Server], models: dict[str, Path]
) -> None:
    server = start_server(
        model_name="half", model_base_path=models["half"], rest_api_port="auto", enable_batching=True
    ).wait_until_ready()
    ours = psutil.Process(server.process.pid).memory_info().rss
    assert ours - resident_of_tensorflow() < MOST_OF_OURS


@pytest.fixture(scope="module")
def swapping(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Server, Path]]:
    """A server without models, and the base paths of one of each platform in two versions."""
    folder = tmp_path_factory.mktemp("swapping")
    for version in (1, 2):
        swaps.export(folder / "tensorflow", version, BALLAST)
        (folder / "python" / str(version)).mkdir(parents=True)
        (folder / "python" / str(version) / "servable.py").write_text(PYTHON_FILE)
    (folder / "models.txt").write_text("model_config_list {}")
    server = Server(folder / "server", model_config_file=folder / "models.txt")
    try:
        yield server.wait_until_ready(), folder
    finally:
        server.close()


@pytest.mark.parametrize("platform", ["tensorflow", "python"])
def test_what_versions_leave_behind_goes_back_to_the_system(
    swapping: tuple[Server, Path], platform: str
) -> None:
    server, folder = swapping
    client, process = Client(server.channel()), psutil.Process(server.process.pid)

    def swap_to(version: int) -> None:
        client.reload(model_config(platform, folder / platform, [version], platform=platform))
        until(lambda: alive(client, platform) == [version], f"version {version} serves alone")

    for number in range(4):
        swap_to(1 + number % 2)
    most = process.memory_info().rss + BALLAST * 1e6 / 2
    for number in range(10):
        swap_to(1 + number % 2)
        until(
            lambda: process.memory_info().rss < most,
            f"no more than {most / 1e6:.0f} MB after swap {number}",
            lambda: f"{process.memory_info().rss / 1e6:.0f} MB",
        )


def alive(client: Client, model: str) -> list[int]:
    return [version for version, state, _ in client.status(model) if state != "END"]


def resident_of_tensorflow() -> int:
    """Bytes that a process holds once it has imported TensorFlow as the server does."""
    script = (
        f"from {tensorflow_environment.__name__} import prepare; prepare(); import tensorflow; "
        "import psutil; print(psutil.Process().memory_info().rss)"
    )
    return int(told_by(script))


HEAPS = """
import ctypes, threading
from kernel_server import memory

memory.prepare()
threads = [threading.Thread(target=lambda: (bytearray(4096), all_there.wait())) for _ in range(40)]
all_there = threading.Barrier(41)
for thread in threads:
    thread.start()
all_there.wait()
libc = ctypes.CDLL(None)
libc.malloc_info(0, ctypes.c_void_p.in_dll(libc, "stdout"))
libc.fflush(None)
"""

FRESH_PAGES = """
import resource, threading
from kernel_server import memory

def work():
    for _ in range(10):
        begin = resource.getrusage(resource.RUSAGE_THREAD).ru_minflt
        tensors = [bytearray(20 << 20) for _ in range(4)]
        tensors.clear()
        taken.append(resource.getrusage(resource.RUSAGE_THREAD).ru_minflt - begin)

memory.prepare()
with memory.of_a_version():
    pass
taken = []
thread = threading.Thread(target=work)
thread.start()
thread.join()
print(max(taken[2:]) * resource.getpagesize())
"""

glibc_only = pytest.mark.skipif(
    not hasattr(ctypes.CDLL(None), "malloc_info"), reason="another C library than glibc"
)


def told_by(script: str) -> str:
    return subprocess.run([sys.executable, "-c", script], check=True, capture_output=True, text=True).stdout


@glibc_only
def test_threads_share_no_heap() -> None:
    assert told_by(HEAPS).count("<heap nr=") > 40


@glibc_only
def test_what_a_batch_leaves_behind_serves_the_next_one() -> None:
    assert int(told_by(FRESH_PAGES)) < 1 << 20, "bytes of fresh pages for 80 MiB of tensors"
