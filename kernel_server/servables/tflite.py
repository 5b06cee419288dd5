"""TFLite models in ``model.tflite``, run by a pool of LiteRT interpreters; see :mod:`.tflite_signatures`."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from queue import SimpleQueue

from ai_edge_litert.interpreter import Interpreter

from kernel_server.batching.parameters import usable_cpus
from kernel_server.core.loader import Loader, LoaderFactory
from kernel_server.core.servable import Array, Servable
from kernel_server.errors import DataLoss, InvalidArgument, NotFound
from kernel_server.servables.functions import Function, FunctionServable
from kernel_server.servables.tflite_signatures import read_signatures
from kernel_server.settings import Settings

FILE = "model.tflite"

Pool = SimpleQueue[dict[str, Function]]
"""The functions of each interpreter, by signature name; an interpreter does one thing at a time."""


def platform(settings: Settings) -> LoaderFactory:
    """The loader factory of platform ``tflite``."""
    interpreters = settings.num_tflite_pools or usable_cpus()
    threads = settings.tensorflow_intra_op_parallelism or settings.tensorflow_session_parallelism or 1
    return lambda servable, folder: TFLiteLoader(folder / FILE, interpreters, threads)


class TFLiteLoader(Loader):
    """Makes ``interpreters`` of one file, each with ``threads`` of its own."""

    def __init__(self, file: Path, interpreters: int, threads: int) -> None:
        self._file = file
        self._interpreters = interpreters
        self._threads = threads

    def load(self) -> Servable:
        """Raises ``NotFound`` without a file, ``DataLoss`` for one that is no model, ``UnknownTensor``."""
        if not self._file.is_file():
            raise NotFound(f"There is no {self._file}; check that the version folder is complete")
        try:
            interpreters = [self._interpreter() for _ in range(self._interpreters)]
        except (ValueError, RuntimeError) as error:
            raise DataLoss(f"Could not load {self._file}: {error}") from error
        signatures = read_signatures(self._file, interpreters[0])
        pool: Pool = SimpleQueue()
        for interpreter in interpreters:
            pool.put({name: each.function(interpreter) for name, each in signatures.items()})
        return FunctionServable(
            {name: (each.signature, _pooled(pool, name)) for name, each in signatures.items()}
        )

    def _interpreter(self) -> Interpreter:
        # Mapping the file lets the interpreters share its weights.
        return Interpreter(model_path=str(self._file), num_threads=self._threads)


def _pooled(pool: Pool, name: str) -> Function:
    def function(*inputs: Array) -> Mapping[str, Array]:
        functions = pool.get()
        try:
            return functions[name](*inputs)
        except RuntimeError as error:
            raise InvalidArgument(str(error)) from error
        finally:
            pool.put(functions)

    return function
