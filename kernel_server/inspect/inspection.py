"""Loads a version as the server would, and tells what it is."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path

from kernel_server.core.dtypes import DataType
from kernel_server.core.servable import Servable, ServableId
from kernel_server.core.signature import Signature
from kernel_server.errors import NotFound, ServingError
from kernel_server.inspect.graphs import count_parameters, read_graphs
from kernel_server.inspect.report import SignatureReport, Tensor, Trial, VersionReport
from kernel_server.inspect.trials import trials
from kernel_server.servables.platforms import Platforms
from kernel_server.settings import Settings

PLATFORM = "tensorflow"
"""The platform that tells every kind of model by its files."""


class NoSuchFolder(NotFound):
    """There is nothing to look at."""

    def __init__(self, directory: Path) -> None:
        super().__init__(f"{directory} is no folder. Give the folder of a model or of one of its versions.")


def inspect(directory: Path, settings: Settings, batch_sizes: Sequence[int]) -> VersionReport:
    """Load the version in ``directory``, or its highest one; try every signature at each batch size.

    Raises what loading raises; what a signature raises is part of the report.
    """
    path = version_folder(directory)
    make = Platforms(settings).require(path.name, PLATFORM)
    begin = time.perf_counter()
    servable = make(ServableId(path.name, 0), path).load()
    seconds = time.perf_counter() - begin
    try:
        return VersionReport(
            path=path,
            file_bytes=sum(file.stat().st_size for file in path.rglob("*") if file.is_file()),
            load_seconds=seconds,
            graphs=read_graphs(path),
            parameters=count_parameters(path),
            signatures={
                name: _report(servable, signature, batch_sizes)
                for name, signature in servable.signatures.items()
            },
        )
    finally:
        servable.close()


def version_folder(directory: Path) -> Path:
    """``directory`` itself, or the version with the highest number in it. Raises :class:`NoSuchFolder`."""
    if not directory.is_dir():
        raise NoSuchFolder(directory)
    versions = [child for child in directory.iterdir() if child.is_dir() and child.name.isdecimal()]
    return max(versions, key=lambda child: int(child.name), default=directory)


def _report(servable: Servable, signature: Signature, batch_sizes: Sequence[int]) -> SignatureReport:
    done: list[Trial] = []
    problem = None
    try:
        if all(spec.dtype is not DataType.INVALID for spec in signature.outputs.values()):
            done.extend(trials(servable, signature, batch_sizes))
    except ServingError as error:
        problem = error.message
    return SignatureReport(
        method_name=signature.method_name,
        inputs={name: Tensor.of(spec) for name, spec in signature.inputs.items()},
        outputs={name: Tensor.of(spec) for name, spec in signature.outputs.items()},
        obstacle_to_batching=signature.obstacle_to_batching,
        trials=tuple(done),
        trial_error=problem,
    )
