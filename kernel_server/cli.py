"""The command ``kernel-server``: ``tensorflow_model_server``'s flags, read into :class:`Settings`."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Iterable, Sequence
from dataclasses import MISSING, Field, fields
from functools import partial
from importlib import import_module
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, Literal, NoReturn, get_args, get_type_hints

from kernel_server import memory, tensorflow_environment
from kernel_server.core.status_text import status_text
from kernel_server.errors import ServingError
from kernel_server.settings import Lifetime, Port, Settings

FAILURE = 255
"""Exit status of a bad flag value and of a failed start, TensorFlow Serving's -1."""

COMMANDS = {
    "dashboard": "kernel_server.monitoring.dashboard",
    "inspect": "kernel_server.inspect.command",
}
"""What the first argument may ask for instead of a server, and the modules whose ``main`` does it."""

USAGE = """kernel-server --flag=value ...        serve models until stopped
       kernel-server inspect DIR ...         show what is in a version folder, and what a run takes
       kernel-server dashboard               print a Grafana dashboard of the server's metrics"""

WITHOUT_EFFECT = {
    "enable_grpc_healthcheck_service": "grpc.health.v1 is always offered",
    "enable_profiler": "there is no profiler service",
    "flush_filesystem_caches": "file caches are left to the operating system",
    "grpc_max_threads": "one event loop serves all calls; num_batch_threads bounds the model runs",
    "mixed_precision": "models run with the types they were exported with",
    "num_tflite_interpreters_per_pool": "TFLite models get whole batches; num_tflite_pools run at once",
    "remove_unused_fields_from_bundle_metagraph": "graphs are kept as they are loaded",
    "rest_api_num_threads": "one event loop serves all calls; num_batch_threads bounds the model runs",
    "skip_initialize_tpu": "TPUs are not used",
    "thread_pool_factory_config_file": "operations run on TensorFlow's own threads",
    "use_alts_credentials": "ALTS is not offered; use ssl_config_file",
    "xla_cpu_compilation_enabled": "models are compiled only where their export asks for it",
    "xla_gpu_compilation_enabled": "models are compiled only where their export asks for it",
}
"""Flags that are accepted, so that existing command lines work, and why they change nothing."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run a server until it is stopped, or one of ``COMMANDS``; return the exit status.

    Ends the process early after ``--help``, ``--version`` and a bad flag value.
    """
    arguments = sys.argv[1:] if argv is None else list(argv)
    if arguments and arguments[0] in COMMANDS:
        run_command: Callable[[Sequence[str]], int] = import_module(COMMANDS[arguments[0]]).main
        return run_command(arguments[1:])
    settings = parse(arguments)
    try:
        settings.validate()
        _warn(settings.idle_flags())
        memory.prepare()
        tensorflow_environment.prepare()
        # Imports TensorFlow, which --help and a refused configuration need not wait for.
        from kernel_server.app import run

        return run(settings)
    except ServingError as error:
        print(f"Failed to start server. Error: {status_text(error)}", flush=True)
        return FAILURE


def parse(argv: Sequence[str] | None = None) -> Settings:
    """Read flags as ``--name=value``, ``--name value`` or, for booleans, bare ``--name``.

    Unknown arguments are reported with the usage, and do no harm. Raises ``SystemExit`` after
    ``--help`` and ``--version`` and, with status 255, for a bad value.
    """
    parser = _build_parser()
    given, unknown = parser.parse_known_args(argv)
    for argument in unknown:
        print(f"unknown argument: {argument}")
    if unknown:
        parser.print_help()
    values = vars(given)
    settings = Settings(**{f.name: values[f.name] for f in fields(Settings) if f.name in values})
    _warn(f"{name} has no effect: {reason}" for name, reason in WITHOUT_EFFECT.items() if name in values)
    return settings


def _warn(lines: Iterable[str]) -> None:
    for line in lines:
        print(f"warning: --{line}", file=sys.stderr)


class _Parser(argparse.ArgumentParser):
    """Fails as ``tensorflow_model_server`` does: usage on standard output, exit status 255."""

    def error(self, message: str) -> NoReturn:
        self.print_help()
        self.exit(FAILURE, f"{message}\n")


def _build_parser() -> argparse.ArgumentParser:
    parser = _Parser(
        prog="kernel-server",
        usage=USAGE,
        argument_default=argparse.SUPPRESS,
        formatter_class=partial(argparse.RawDescriptionHelpFormatter, max_help_position=46, width=120),
        allow_abbrev=False,
    )
    parser.add_argument("--version", action="version", version=_versions())
    groups: dict[str, argparse._ArgumentGroup] = {}
    types = get_type_hints(Settings)
    for field in fields(Settings):
        title = field.metadata["group"]
        group = groups.get(title) or groups.setdefault(title, parser.add_argument_group(title))
        group.add_argument(f"--{field.name}", help=_help(field), **_reading(types[field.name]))
    ignored = parser.add_argument_group("Accepted without effect")
    for name, reason in WITHOUT_EFFECT.items():
        if name not in types:
            ignored.add_argument(f"--{name}", nargs="?", metavar="VALUE", help=reason)
    return parser


def _help(field: Field[Any]) -> str:
    default = field.default if field.default_factory is MISSING else field.default_factory()
    shown = "" if default in (None, "") else f" [{str(default).lower()}]"
    return f"{field.metadata['help']}{shown}"


def _reading(kind: Any) -> dict[str, Any]:
    """How argparse is to read a value of this type."""
    if kind is bool:
        return {"nargs": "?", "const": True, "type": _boolean, "metavar": "BOOL"}
    if kind == Lifetime:
        return {"choices": get_args(Lifetime)}
    read, metavar = _READERS[kind]
    return {"type": read, "metavar": metavar}


def _boolean(text: str) -> bool:
    if text not in ("true", "1", "false", "0"):
        raise argparse.ArgumentTypeError(f"must be true or false; was {text!r}")
    return text in ("true", "1")


def _port(text: str) -> int | Literal["auto"]:
    try:
        return "auto" if text == "auto" else int(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"must be a number or auto; was {text!r}") from None


def _path(text: str) -> Path | None:
    return Path(text) if text else None


_READERS: dict[Any, tuple[Callable[[str], Any], str]] = {
    int: (int, "N"),
    int | None: (int, "N"),
    float: (float, "NUMBER"),
    float | None: (float, "NUMBER"),
    str: (str, "TEXT"),
    Path | None: (_path, "FILE"),
    Port: (_port, "PORT"),
}
"""How a flag of each type is read, and what its value is called."""


def _versions() -> str:
    return (
        f"TensorFlow ModelServer: {_version('serving-workbench')}\n"
        f"TensorFlow Library: {_version('tensorflow')}"
    )


def _version(distribution: str) -> str:
    try:
        return version(distribution)
    except PackageNotFoundError:
        return "not installed"
