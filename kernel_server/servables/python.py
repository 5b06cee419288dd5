"""Plain Python functions: ``servable.py`` in a version folder, for what no framework's file can hold.

::

    from pathlib import Path

    import numpy as np
    from kernel_server.servables.python import Tensor, signature

    weights = np.load(Path(__file__).with_name("weights.npy"))


    @signature(inputs={"x": Tensor("float32", [None, 4])}, outputs={"score": Tensor("float32", [None])})
    def score(x):
        return x @ weights

The file runs once, when its version loads, under a name of its own: load what is slow at its top level, and
import helpers from installed packages. Its functions are called from several threads at once. If it
defines ``close()``, that is called when the version is unloaded.

The file can do whatever the server may do. So it is run only for a model whose ``model_platform`` is
``python``; no folder becomes a program by what somebody put into it.
"""

from __future__ import annotations

import inspect
import logging
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any, Literal

import numpy as np
from numpy.typing import DTypeLike

from kernel_server.core.dtypes import DataType
from kernel_server.core.loader import Loader, LoaderFactory
from kernel_server.core.servable import Array, Servable, ServableId
from kernel_server.core.signature import CLASSIFY, DEFAULT_SIGNATURE, PREDICT, REGRESS, Signature, TensorSpec
from kernel_server.errors import Internal, InvalidArgument, NotFound, ServingError
from kernel_server.servables.functions import FunctionServable, to_bytes
from kernel_server.settings import Settings

FILE = "servable.py"
METHODS = {"predict": PREDICT, "classify": CLASSIFY, "regress": REGRESS}

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Tensor:
    """An input or output of a function: a numpy type, ``str`` for strings, and a shape.

    ``None`` in the shape is a dimension of any size. When the first one is free for all inputs and
    outputs, requests share batches: the function gets the rows of several requests and answers a row
    for each. Strings come as object arrays of ``bytes``.
    """

    dtype: DTypeLike
    shape: Sequence[int | None]


@dataclass(frozen=True, slots=True)
class DeclaredFunction:
    """A function with its signature; called, it is the function."""

    function: Callable[..., Any]
    signature: Signature

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """What the function answers."""
        return self.function(*args, **kwargs)


def signature(
    *,
    inputs: Mapping[str, Tensor],
    outputs: Mapping[str, Tensor],
    name: str = DEFAULT_SIGNATURE,
    method: Literal["predict", "classify", "regress"] = "predict",
) -> Callable[[Callable[..., Any]], DeclaredFunction]:
    """Declare that a function answers the signature ``name``.

    The function takes an array for each input, by its name, and returns a mapping with an array for each
    output; for a single output the array will do. A ``ValueError`` of it refuses the values of a
    request: that request fails, and the others of its batch run again without it. Whatever else it
    raises fails the whole batch as an internal error, and is logged.

    A function answers Classify and Regress, too, if its one input is ``inputs``, strings that each are a
    serialized ``tensorflow.Example``. To Classify it answers ``classes``, strings, and ``scores``, float32,
    or one of them, in rows of ``[number of classes]``; to Regress ``outputs``, a float32 for each example.
    ``method`` says so to clients, and to a server with ``--enable_signature_method_name_check``.
    """
    declared = Signature(name, _specs(inputs), _specs(outputs), METHODS[method])
    return lambda function: DeclaredFunction(function, declared)


class PythonFileFailed(InvalidArgument):
    """The file of a version raised, or declares nothing that can be called."""

    def __init__(self, file: Path, reason: str) -> None:
        super().__init__(f"Could not load {file}: {reason}")


class WrongAnswer(Internal):
    """A function did not answer what it declares."""

    def __init__(self, name: str, reason: str) -> None:
        super().__init__(f"The function of signature {name} does not answer what it declares: {reason}")


def platform(settings: Settings) -> LoaderFactory:
    """The loader factory of platform ``python``."""
    return PythonLoader


class PythonLoader(Loader):
    """Runs the file of one version and takes the functions that it declares."""

    def __init__(self, servable: ServableId, folder: Path) -> None:
        self._module_name = f"servable {servable}"
        self._file = folder / FILE

    def load(self) -> Servable:
        """Run the file; raises ``NotFound`` without one and :class:`PythonFileFailed`."""
        if not self._file.is_file():
            raise NotFound(f"Platform python runs {FILE} of a version folder, and there is no {self._file}")
        module = ModuleType(self._module_name)
        module.__file__ = str(self._file)
        sys.modules[self._module_name] = module  # dataclasses and pickles look there
        try:
            exec(compile(self._file.read_bytes(), self._file, "exec", dont_inherit=True), vars(module))
            return PythonServable(module, self._functions(module))
        except Exception as error:
            del sys.modules[self._module_name]
            if isinstance(error, ServingError):
                raise
            _log.exception("%s failed", self._file)
            raise PythonFileFailed(self._file, f"{type(error).__name__}: {error}") from error

    def _functions(self, module: ModuleType) -> list[DeclaredFunction]:
        found = [value for value in vars(module).values() if isinstance(value, DeclaredFunction)]
        if not found:
            raise PythonFileFailed(self._file, "it declares no function with @signature")
        names = [function.signature.name for function in found]
        if len(set(names)) < len(names):
            raise PythonFileFailed(self._file, f"several functions have one name among {sorted(names)}")
        for function in found:
            inspect.signature(function.function).bind(**function.signature.inputs)
        return found


class PythonServable(FunctionServable):
    """The functions of one file, which ends when they do."""

    def __init__(self, module: ModuleType, functions: Sequence[DeclaredFunction]) -> None:
        super().__init__({f.signature.name: (f.signature, _checked(f)) for f in functions})
        self._module = module

    def close(self) -> None:
        """Call the file's ``close`` and forget the file."""
        del sys.modules[self._module.__name__]
        getattr(self._module, "close", lambda: None)()


def _checked(declared: DeclaredFunction) -> Callable[..., Mapping[str, Array]]:
    """The function with its errors sorted and its answer as declared."""
    names = tuple(declared.signature.inputs)

    def call(*inputs: Array) -> Mapping[str, Array]:
        try:
            answer = declared.function(**dict(zip(names, inputs, strict=True)))
        except (ServingError, ValueError):
            raise
        except Exception:
            _log.exception("Signature %s failed", declared.signature.name)
            raise
        return _conform(declared.signature, answer)

    return call


def _conform(declared: Signature, answer: object) -> Mapping[str, Array]:
    if not isinstance(answer, Mapping):
        if len(declared.outputs) > 1:
            raise WrongAnswer(declared.name, f"no mapping of outputs {sorted(declared.outputs)}")
        answer = dict.fromkeys(declared.outputs, answer)
    if missing := declared.outputs.keys() - answer.keys():
        raise WrongAnswer(declared.name, f"nothing for outputs {sorted(missing)}")
    return {name: _cast(declared.name, name, answer[name], spec) for name, spec in declared.outputs.items()}


def _cast(signature_name: str, name: str, value: object, spec: TensorSpec) -> Array:
    array: Array = np.asarray(value)
    if spec.dtype is DataType.STRING:
        return to_bytes(array)
    try:
        return array.astype(spec.dtype.numpy, casting="same_kind", copy=False)
    except TypeError as error:
        raise WrongAnswer(signature_name, f"output '{name}': {error}") from error


def _specs(tensors: Mapping[str, Tensor]) -> dict[str, TensorSpec]:
    return {
        name: TensorSpec(
            name,
            DataType.of(np.dtype(tensor.dtype)),
            tuple(-1 if size is None else size for size in tensor.shape),
        )
        for name, tensor in tensors.items()
    }
