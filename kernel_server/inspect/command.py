"""The command ``kernel-server inspect``."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from kernel_server import tensorflow_environment
from kernel_server.core.status_text import status_text
from kernel_server.errors import ServingError
from kernel_server.settings import Settings

BATCH_SIZES = (1, 2, 4, 8, 16, 32)
FAILURE = 1


def main(arguments: Sequence[str]) -> int:
    """Print what is in a version folder; 1 and a message when it cannot be loaded."""
    options = _parser().parse_args(arguments)
    settings = Settings(
        device=options.device,
        saved_model_tags=options.saved_model_tags,
        tensorflow_intra_op_parallelism=options.tensorflow_intra_op_parallelism,
    )
    tensorflow_environment.prepare()
    # Imports TensorFlow, which --help need not wait for.
    from kernel_server.inspect.inspection import inspect
    from kernel_server.inspect.text import to_text

    try:
        report = inspect(options.directory, settings, options.batch_sizes)
    except ServingError as error:
        print(status_text(error), file=sys.stderr)
        return FAILURE
    print(json.dumps(asdict(report), default=str, indent=2) if options.json else to_text(report))
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="kernel-server inspect",
        description="Show a model's graphs, signatures and size, and what a run takes per batch size.",
    )
    parser.add_argument("directory", metavar="DIR", type=Path, help="a version folder, or one with versions")
    parser.add_argument(
        "--batch_sizes",
        type=_sizes,
        default=BATCH_SIZES,
        metavar="N,N,...",
        help=f"rows of the trial runs; empty: none [{','.join(map(str, BATCH_SIZES))}]",
    )
    parser.add_argument("--saved_model_tags", default="serve", help="tags of the graph to load [serve]")
    parser.add_argument("--device", default="cpu", help="auto, cpu or gpu:N [cpu]")
    parser.add_argument(
        "--tensorflow_intra_op_parallelism",
        type=int,
        default=0,
        metavar="N",
        help="threads within an op, as of the server's flag; 0: one for each CPU [0]",
    )
    parser.add_argument("--json", action="store_true", help="print JSON")
    return parser


def _sizes(text: str) -> tuple[int, ...]:
    sizes = tuple(int(size) for size in text.split(",") if size)
    if any(size < 1 for size in sizes):
        raise argparse.ArgumentTypeError(f"must be positive; were {text}")
    return sizes
