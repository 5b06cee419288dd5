"""ONNX models in ``model.onnx``, run by onnxruntime; their one signature is ``serving_default``.

Inputs and outputs keep their names. Outputs that are no tensors, such as the maps that some converters
make of classifiers' probabilities, are left out.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import onnxruntime
from onnxruntime.capi import onnxruntime_pybind11_state as failures

from kernel_server.batching.parameters import usable_cpus
from kernel_server.core.dtypes import DataType
from kernel_server.core.loader import Loader, LoaderFactory
from kernel_server.core.servable import Array, Runner, Servable
from kernel_server.core.signature import DEFAULT_SIGNATURE, Signature, TensorSpec
from kernel_server.errors import DataLoss, FailedPrecondition, InvalidArgument, NotFound
from kernel_server.servables.functions import to_bytes, to_text
from kernel_server.settings import Settings

FILE = "model.onnx"
CPU, CUDA = "CPUExecutionProvider", "CUDAExecutionProvider"

_TENSOR = re.compile(r"tensor\((\w+)\)")
_NAMES = {"float16": DataType.HALF}  # the others are called alike


class NoGpuSupport(FailedPrecondition):
    """A GPU was asked for, and the installed onnxruntime has no use for it."""

    def __init__(self, device: str) -> None:
        super().__init__(
            f"--device={device}: the installed onnxruntime has no {CUDA}. Use --device=cpu, or install "
            "onnxruntime-gpu in place of onnxruntime"
        )


def platform(settings: Settings) -> LoaderFactory:
    """The loader factory of platform ``onnx``; raises :class:`NoGpuSupport`."""
    providers = _providers(settings.device)
    options = onnxruntime.SessionOptions()
    shared = settings.tensorflow_session_parallelism
    options.intra_op_num_threads = settings.tensorflow_intra_op_parallelism or shared or usable_cpus()
    options.inter_op_num_threads = settings.tensorflow_inter_op_parallelism or shared or usable_cpus()
    # Threads that wait for work by spinning would take the processors from everything else in the server.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    return lambda servable, folder: OnnxLoader(folder / FILE, options, providers)


class OnnxLoader(Loader):
    """Loads one file into a session of its own."""

    def __init__(self, file: Path, options: Any, providers: Sequence[Any]) -> None:
        self._file = file
        self._options = options
        self._providers = providers

    def load(self) -> Servable:
        """Raises ``NotFound`` without a file and ``DataLoss`` for one that onnxruntime cannot load."""
        if not self._file.is_file():
            raise NotFound(f"There is no {self._file}; check that the version folder is complete")
        try:
            session = onnxruntime.InferenceSession(self._file, self._options, providers=self._providers)
        except Exception as error:  # onnxruntime's own have no common base
            raise DataLoss(f"Could not load {self._file}: {error}") from error
        return OnnxModel(session)


class OnnxModel(Servable):
    """One session; it runs from many threads at once."""

    def __init__(self, session: Any) -> None:
        self._session = session
        self._signature = Signature(
            DEFAULT_SIGNATURE, _specs(session.get_inputs()), _specs(session.get_outputs())
        )

    @property
    def signatures(self) -> Mapping[str, Signature]:
        """The only one."""
        return {DEFAULT_SIGNATURE: self._signature}

    def runner(self, signature: str, outputs: Sequence[str]) -> Runner:
        """A run that computes ``outputs`` only; see :meth:`Servable.runner`."""
        names = tuple(self._signature.inputs)

        def run(inputs: Sequence[Array]) -> Sequence[Array]:
            feeds = {name: _as_text(array) for name, array in zip(names, inputs, strict=True)}
            try:
                answers = self._session.run(outputs, feeds)
            except (failures.InvalidArgument, failures.RuntimeException) as error:
                raise InvalidArgument(str(error)) from error
            return [to_bytes(answer) if answer.dtype.kind in "OSU" else answer for answer in answers]

        return run

    def close(self) -> None:
        """Give the session's memory back."""
        del self._session


def _providers(device: str) -> list[Any]:
    gpu = CUDA in onnxruntime.get_available_providers()
    if device == "cpu" or (device == "auto" and not gpu):
        return [CPU]
    if not gpu:
        raise NoGpuSupport(device)
    return [(CUDA, {"device_id": device.partition(":")[2] or "0"}), CPU]


def _specs(tensors: Iterable[Any]) -> dict[str, TensorSpec]:
    specs = {}
    for tensor in tensors:
        if match := _TENSOR.fullmatch(tensor.type):
            dtype = _NAMES.get(match[1]) or DataType[match[1].upper()]
            shape = tuple(size if isinstance(size, int) else -1 for size in tensor.shape)
            specs[tensor.name] = TensorSpec(tensor.name, dtype, shape)
    return specs


def _as_text(array: Array) -> Array:
    return to_text(array) if array.dtype == object else array
