"""Swaps versions of a model under load; tells what that cost its clients, and the memory that came back.

From the folder ``tests``: ``python -m benchmarks.swaps --swaps 30 --megabytes 200``.
"""

from __future__ import annotations

import argparse
import asyncio
import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil
from support.children import children_running
from support.servers import Server, until
from support.steady_load import Load, switch_to
from support.stubs import Client

SETTLED = 5
"""Swaps after which the server has allocated what it always needs."""


@dataclass
class Report:
    """Memory in bytes: before any load, with one version loaded, after each swap, with none loaded again."""

    before: int = 0
    loaded: int = 0
    swapped: list[int] = field(default_factory=list)
    unloaded: int = 0
    answers: int = 0
    wrong: list[str] = field(default_factory=list)
    seconds: float = 0.0

    @property
    def growth(self) -> float:
        """Memory after the last swap as a multiple of that after the fifth."""
        return self.swapped[-1] / self.swapped[SETTLED - 1]

    def __str__(self) -> str:
        """For people."""
        return (
            f"{len(self.swapped)} swaps in {self.seconds:.1f} s: {self.answers} answers, "
            f"{len(self.wrong)} wrong\n"
            f"resident: {_mb(self.before)} without a model, {_mb(self.loaded)} with one, "
            f"{_mb(self.unloaded)} without again\n"
            f"after each swap: {', '.join(map(_mb, self.swapped))}\n"
            f"the last is {self.growth:.3f} times the fifth"
        )


def _mb(size: int) -> str:
    return f"{size / 1e6:.0f} MB"


def swap(server: Server, base_path: Path, swaps: int) -> Report:
    """Swap versions 1 and 2 of model ``half``, which the server does not serve yet, so many times."""
    return asyncio.run(_swap(server, base_path, swaps))


async def _swap(server: Server, base_path: Path, swaps: int) -> Report:
    client, process = Client(server.channel()), psutil.Process(server.process.pid)
    resident = lambda: _resident(process)  # noqa: E731
    report = Report(before=resident())
    await asyncio.to_thread(switch_to, client, base_path, 1)
    report.loaded = resident()
    load, done = Load(server.state["grpc_address"]), asyncio.Event()
    loading = asyncio.create_task(load.run(done))
    for number in range(swaps):
        await asyncio.to_thread(switch_to, client, base_path, 2 - number % 2)
        report.swapped.append(resident())
    done.set()
    await loading
    report.answers, report.wrong, report.seconds = load.answers.total(), load.wrong, load.seconds
    await asyncio.to_thread(_unload, client)
    report.unloaded = resident()
    return report


def _resident(server: psutil.Process) -> int:
    """Of the server and of its models' processes; what they share counts for each of them."""
    models = children_running("kernel_server.isolation", server.pid)
    return sum(process.memory_info().rss for process in (server, *models))


def _unload(client: Client) -> None:
    client.reload()
    until(lambda: {state for _, state, _ in client.status("half")} == {"END"}, "nothing is loaded")


def export(path: Path, version: int, megabytes: int) -> None:
    """A version of ``half`` with so much more in a variable."""
    import tensorflow as tf

    module = tf.Module()
    module.ballast = tf.Variable(tf.random.normal([megabytes, 512, 512]))

    @tf.function(input_signature=[tf.TensorSpec([None], tf.float32, name="x")])
    def half(x: Any) -> dict[str, Any]:
        return {"y": x / 2 + 1.0 + version + 0 * module.ballast[0, 0, 0]}

    tf.saved_model.save(module, str(path / str(version)), signatures=half)


def main() -> None:
    """Swap on a server of its own."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--swaps", type=int, default=30)
    parser.add_argument("--megabytes", type=int, default=200)
    parser.add_argument("--isolated", action="store_true", help="each version in a process of its own")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        for version in (1, 2):
            export(Path(folder, "half"), version, options.megabytes)
        Path(folder, "models.txt").write_text("model_config_list {}")
        server = Server(
            Path(folder, "server"),
            model_config_file=Path(folder, "models.txt"),
            enable_batching=True,
            isolated_models="all" if options.isolated else "",
        )
        try:
            print(swap(server.wait_until_ready(), Path(folder, "half"), options.swaps))
        finally:
            server.close()


if __name__ == "__main__":
    main()
