"""Who can be measured: this server, the bare echo and the peers; and how each is started."""

from __future__ import annotations

import itertools
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from itertools import starmap
from pathlib import Path

from benchmarks import models, requests
from benchmarks.requests import Array, Request
from benchmarks.servers import Server, Target

OURS, ECHO, THREADED_ECHO = "this server", "bare gRPC echo", "the same on threads"
ECHOES = ECHO, THREADED_ECHO

_SCRIPTS = Path(__file__).parent / "peers"
_FIRST_PORT = 18500
_BATCHING = """max_batch_size { value: 32 } batch_timeout_micros { value: 2000 }
max_enqueued_batches { value: 100 }"""


@dataclass(frozen=True, slots=True)
class Entry:
    """How to start and to ask one: gRPC on the port it is given, JSON over HTTP on the next.

    ``script`` is in the folder ``peers``, ``package`` the one whose version tells which peer it was.
    ``warm_up_requests`` are sent by 64 callers over gRPC before anything is measured.
    """

    script: str
    package: str
    protocols: Mapping[str, Callable[[str, Array], Request]]
    warm_up_requests: int = 0


_JSON = {"json": requests.plain_json("/predict")}

ENTRIES: Mapping[str, Entry] = {
    OURS: Entry("", "serving-workbench", {"grpc": requests.tfs, "json": requests.rest_row}),
    ECHO: Entry("echo_server.py", "grpcio", {"grpc": requests.tfs}),
    THREADED_ECHO: Entry("threaded_echo_server.py", "grpcio", {"grpc": requests.tfs}),
    "naive": Entry("naive_server.py", "grpcio", {"grpc": requests.tfs}),
    "pytriton": Entry("pytriton_server.py", "nvidia-pytriton", {"grpc": requests.kserve}),
    "mlserver": Entry("mlserver_server.py", "mlserver", {"grpc": requests.kserve}),
    # Its Java takes that long to become fast.
    "torchserve": Entry("torchserve_server.py", "torchserve", {"grpc": requests.torchserve}, 300_000),
    "ray": Entry("ray_server.py", "ray", {"grpc": requests.tfs, "json": requests.plain_json("/")}),
    "litserve": Entry("litserve_server.py", "litserve", _JSON),
    "bentoml": Entry("bentoml_server.py", "bentoml", _JSON),
}
"""By name: this server, the echoes, then the peers."""

PEERS = tuple(name for name in ENTRIES if name not in (OURS, *ECHOES))


@dataclass(frozen=True, slots=True)
class Contender:
    """A running server and where to send the row of the ``mlp``, by kind of request."""

    name: str
    server: Server
    targets: Mapping[str, Target]


@dataclass(frozen=True, slots=True)
class Ours:
    """One ``kernel_server`` with its ports."""

    server: Server
    grpc: int
    rest: int


class Starter:
    """Starts servers on ``cores`` with their files in ``folder``, each on ports of its own."""

    def __init__(self, folder: Path, cores: str):
        folder.mkdir()
        self._folder, self._cores = folder, cores
        self._ports = itertools.count(_FIRST_PORT, 10)

    def ours(self, base_paths: Mapping[str, Path], cores: str = "", *flags: str) -> Ours:
        """This server with those models, its batching set as the peers' is; it may not be ready yet.

        A base path with several versions has all of them served.
        """
        port = next(self._ports)
        batching, config = self._folder / f"{port}-batching.txt", self._folder / f"{port}-models.txt"
        batching.write_text(_BATCHING)
        config.write_text(f"model_config_list {{ {' '.join(starmap(_model_config, base_paths.items()))} }}")
        command = [sys.executable, "-m", "kernel_server", "--host=127.0.0.1", "--device=cpu"]
        command += [f"--port={port}", f"--rest_api_port={port + 1}", f"--model_config_file={config}"]
        command += ["--enable_batching", f"--batching_parameters_file={batching}", *flags]
        return Ours(self._server(OURS, command, port, cores), port, port + 1)

    def contender(self, name: str, mlp: Path, python: str) -> Contender:
        """The one of that name, serving the base path ``mlp``; it may not be ready yet."""
        entry = ENTRIES[name]
        if name == OURS:
            ours = self.ours({"mlp": mlp})
            server, port = ours.server, ours.grpc
        else:
            port = next(self._ports)
            command = [python, str(_SCRIPTS / entry.script), f"--model={mlp / '1'}", f"--port={port}"]
            server = self._server(name, command, port)
        ports = {"grpc": port, "json": port + 1}
        row = models.row("mlp")
        targets = {kind: Target(ports[kind], words("mlp", row)) for kind, words in entry.protocols.items()}
        return Contender(name, server, targets)

    def _server(self, name: str, command: list[str], port: int, cores: str = "") -> Server:
        return Server(name, command, self._folder / str(port), cores or self._cores)


def _model_config(name: str, base_path: Path) -> str:
    policy = "model_version_policy { all { } }" if len(list(base_path.iterdir())) > 1 else ""
    return f'config {{ name: "{name}" base_path: "{base_path}" model_platform: "tensorflow" {policy} }}'
