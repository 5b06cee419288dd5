"""``%load_ext workbench``: ``%serve start``, ``status``, ``stop`` and ``logs``."""

from __future__ import annotations

import argparse
import shlex
from typing import TYPE_CHECKING, Any, NoReturn, get_args

from IPython.core.error import UsageError

from workbench.batching import BatchingParameters
from workbench.home import ServerFolder
from workbench.launch import Stopped
from workbench.lifetime import Lifetime
from workbench.logs import LogText, tail
from workbench.server import Server, ServerList

if TYPE_CHECKING:
    from IPython.core.interactiveshell import InteractiveShell

MAGIC = "serve"


def load_ipython_extension(shell: InteractiveShell) -> None:
    """Called by ``%load_ext workbench``."""
    shell.register_magic_function(serve, "line", MAGIC)


def unload_ipython_extension(shell: InteractiveShell) -> None:
    """Called by ``%unload_ext workbench``; servers go on running."""
    shell.magics_manager.magics["line"].pop(MAGIC, None)


def serve(line: str) -> Server | ServerList | Stopped | LogText | None:
    """Runs one ``%serve`` line; replaced below by its help, which is what ``%serve?`` shows.

    Raises ``UsageError`` for a line that cannot be understood, and what ``Server`` does.
    """
    try:
        arguments = vars(_PARSER.parse_args(shlex.split(line)))
    except _HelpPrinted:
        return None
    action = arguments.pop("action")
    result: Server | ServerList | Stopped | LogText = action(**arguments)
    return result


def _start(
    models: list[str],
    batching: bool,
    max_batch_size: int | None,
    batch_timeout_micros: int | None,
    **settings: Any,
) -> Server:
    knobs = {"max_batch_size": max_batch_size, "batch_timeout_micros": batch_timeout_micros}
    chosen = {name: value for name, value in knobs.items() if value is not None}
    return Server.start(_models(models), batching=chosen or None if batching else False, **settings)


def _status(name: str | None) -> Server | ServerList:
    return Server.list() if name is None else Server.attach(name)


def _stop(name: str | None, timeout: float) -> Stopped:
    return _running(name).stop(timeout)


def _logs(name: str | None, lines: int) -> LogText:
    return tail(ServerFolder.of(name or _running(None).name).log, lines)


def _running(name: str | None) -> Server:
    """The server of that name, or the only one, even if it does not answer."""
    servers = [server for server in Server.list() if name in (None, server.name)]
    return servers[0] if len(servers) == 1 else Server.attach(name)


def _models(words: list[str]) -> str | dict[str, str]:
    """One folder, or several as ``NAME=FOLDER``."""
    if len(words) == 1 and "=" not in words[0]:
        return words[0]
    pairs = [word.partition("=") for word in words]
    if not all(folder for _, _, folder in pairs):
        raise UsageError("several models are written as NAME=FOLDER NAME=FOLDER …")
    return {name: folder for name, _, folder in pairs}


class _HelpPrinted(Exception):
    """What ``--help`` ends in, instead of ending the kernel."""


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        raise UsageError(f"{message}\n{self.format_usage()}")

    def exit(self, status: int = 0, message: str | None = None) -> NoReturn:
        raise _HelpPrinted


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(prog=f"%{MAGIC}", description="Model servers in the background of this notebook.")
    actions = parser.add_subparsers(required=True, metavar="start | status | stop | logs")
    start = actions.add_parser("start", help="start a server, or take over the one with the same settings")
    start.set_defaults(action=_start)
    start.add_argument(
        "models", nargs="+", help="a folder of numbered versions, or NAME=FOLDER for each model"
    )
    start.add_argument("--name", help="tells servers apart (default: the model's name)")
    start.add_argument("--no-batching", dest="batching", action="store_false", help="run every request alone")
    start.add_argument("--max-batch-size", type=int, metavar="ROWS", help=_default("max_batch_size"))
    start.add_argument(
        "--batch-timeout-micros", type=int, metavar="US", help=_default("batch_timeout_micros")
    )
    start.add_argument(
        "--lifetime", choices=get_args(Lifetime), default="kernel", help="when it ends by itself"
    )
    start.add_argument("--idle-timeout", type=float, metavar="S", help="end after so long without a request")
    start.add_argument("--device", default="auto", help="auto, cpu or gpu:N")
    start.add_argument("--tcp", action="store_true", help="also listen for gRPC on a port of 127.0.0.1")
    start.add_argument("--timeout", type=float, default=60.0, metavar="S", help="how long the start may take")
    start.add_argument("--restart", action="store_true", help="replace a server that has other settings")
    for name, action, words in (
        ("status", _status, "what runs, or one server in detail"),
        ("stop", _stop, "answer what is in flight, then end the process"),
        ("logs", _logs, "the end of the log, of a server that has ended too"),
    ):
        command = actions.add_parser(name, help=words)
        command.set_defaults(action=action)
        command.add_argument("name", nargs="?", help="not needed when only one server runs")
        if action is _stop:
            command.add_argument(
                "--timeout", type=float, default=30.0, metavar="S", help="for requests in flight"
            )
        if action is _logs:
            command.add_argument("-n", "--lines", type=int, default=40, help="how many")
    return parser


def _default(field: str) -> str:
    return f"default: {getattr(BatchingParameters(), field)}"


_PARSER = _parser()
serve.__doc__ = f"{_PARSER.format_help()}\nThe result can be assigned: server = %serve start models/digits"
