"""TFLite models in ``model.tflite``, run by a pool of LiteRT interpreters.

See :mod:`.tflite_signatures`, and :mod:`.tflite_examples` for models of serialized examples.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from queue import SimpleQueue

from ai_edge_litert.interpreter import Interpreter
from tensorflow.core.protobuf import config_pb2

from kernel_server.batching.parameters import usable_cpus
from kernel_server.core.loader import Loader, LoaderFactory
from kernel_server.core.servable import Array, Servable
from kernel_server.errors import DataLoss, InvalidArgument, NotFound
from kernel_server.servables.functions import Function, FunctionServable
from kernel_server.servables.tensorflow_device import session_config
from kernel_server.servables.tflite_examples import ExampleModel, ParsedSignature, parses_examples
from kernel_server.servables.tflite_signatures import RunnerSignature, TensorSignature, read_signatures
from kernel_server.settings import Settings

FILE = "model.tflite"

AnySignature = RunnerSignature | TensorSignature | ParsedSignature

Pool = SimpleQueue[dict[str, Function]]
"""The functions of each interpreter, by signature name; an interpreter does one thing at a time."""


def platform(settings: Settings) -> LoaderFactory:
    """The loader factory of platform ``tflite``."""
    interpreters = settings.num_tflite_pools or usable_cpus()
    threads = settings.tensorflow_intra_op_parallelism or settings.tensorflow_session_parallelism or 1
    config = session_config(settings)
    return lambda servable, folder: TFLiteLoader(folder / FILE, interpreters, threads, config)


class TFLiteLoader(Loader):
    """Makes ``interpreters`` of one file, each with ``threads`` of its own.

    Examples are parsed by a session with ``config``.
    """

    def __init__(self, file: Path, interpreters: int, threads: int, config: config_pb2.ConfigProto) -> None:
        self._file = file
        self._interpreters = interpreters
        self._threads = threads
        self._config = config

    def load(self) -> Servable:
        """Raises ``NotFound`` without a file, ``DataLoss`` for one that is no model, ``UnknownTensor``."""
        if not self._file.is_file():
            raise NotFound(f"There is no {self._file}; check that the version folder is complete")
        try:
            signatures, interpreters = self._read(self._file.read_bytes())
        except (ValueError, RuntimeError) as error:
            raise DataLoss(f"Could not load {self._file}: {error}") from error
        pool: Pool = SimpleQueue()
        for interpreter in interpreters:
            pool.put({name: each.function(interpreter) for name, each in signatures.items()})
        return FunctionServable(
            {name: (each.signature, _pooled(pool, name)) for name, each in signatures.items()}
        )

    def _read(self, content: bytes) -> tuple[Mapping[str, AnySignature], list[Interpreter]]:
        # Mapping the file lets the interpreters share its weights.
        source: dict[str, str | bytes] = {"model_path": str(self._file)}
        known = read_signatures(content, Interpreter(**source))
        signatures: Mapping[str, AnySignature] = known
        if parses_examples(content):
            model = ExampleModel(content, self._config)
            source = {"model_content": model.rest}
            signatures = {name: model.parsed(each) for name, each in known.items()}
        interpreters = [Interpreter(**source, num_threads=self._threads) for _ in range(self._interpreters)]
        for interpreter in interpreters:
            interpreter.allocate_tensors()  # tells which operations there are none for
        return signatures, interpreters


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
