"""scikit-learn estimators in ``model.skops``, the file of skops; never a pickle, which may run anything.

The methods of the estimator are the signatures: ``predict``, ``predict_proba`` and ``transform``, if it
has them; the first of them is ``serving_default`` as well. ``inputs`` are rows of 64-bit floats, in the
order of the columns that it was fitted on; or texts, for a pipeline that begins with a text vectorizer.
Each row of ``probabilities`` comes with the ``classes`` that they belong to.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import skops.io
from scipy.sparse import issparse

from kernel_server.core.dtypes import DataType
from kernel_server.core.loader import Loader, LoaderFactory
from kernel_server.core.servable import Array, Servable
from kernel_server.core.signature import DEFAULT_SIGNATURE, Signature, TensorSpec
from kernel_server.errors import DataLoss, NotFound, PermissionDenied
from kernel_server.servables.functions import Function, FunctionServable, column, to_bytes, to_text
from kernel_server.settings import Settings

FILE = "model.skops"
METHODS = ("predict", "predict_proba", "transform")


class UntrustedTypes(PermissionDenied):
    """The file asks for code that skops does not know to be harmless."""

    def __init__(self, file: Path, names: Sequence[str]) -> None:
        super().__init__(
            f"{file} holds types that are not trusted: {', '.join(names)}. If you have reviewed them and "
            f"know where the file comes from, start the server with --skops_trusted_types={','.join(names)}"
        )


def platform(settings: Settings) -> LoaderFactory:
    """The loader factory of platform ``sklearn``."""
    trusted = [name.strip() for name in settings.skops_trusted_types.split(",") if name.strip()]
    return lambda servable, folder: SklearnLoader(folder / FILE, trusted)


class SklearnLoader(Loader):
    """Reads one file, and tries each method on a row of ones to learn what it answers."""

    def __init__(self, file: Path, trusted: Sequence[str]) -> None:
        self._file = file
        self._trusted = trusted

    def load(self) -> Servable:
        """Raises ``NotFound`` without a file, :class:`UntrustedTypes`, and ``DataLoss`` for a broken file."""
        if not self._file.is_file():
            raise NotFound(f"There is no {self._file}; write it with skops.io.dump(estimator, '{FILE}')")
        try:
            return FunctionServable(_functions(self._read()))
        except UntrustedTypes:
            raise
        except Exception as error:  # whatever the readers of a corrupt file, or of another version's, raise
            raise DataLoss(f"Could not load {self._file}: {type(error).__name__}: {error}") from error

    def _read(self) -> Any:
        unknown = set(skops.io.get_untrusted_types(file=self._file)) - set(self._trusted)
        if unknown:
            raise UntrustedTypes(self._file, sorted(unknown))
        return skops.io.load(self._file, trusted=list(self._trusted))


def _functions(estimator: Any) -> dict[str, tuple[Signature, Function]]:
    """What the estimator can do, by signature name."""
    inputs, prepare, sample = _input(estimator)
    functions: dict[str, tuple[Signature, Function]] = {}
    for method in METHODS:
        if not hasattr(estimator, method):
            continue
        function = _function(estimator, method, prepare)
        outputs: dict[str, TensorSpec] = {}
        for name, array in function(sample).items():
            outputs |= column(name, DataType.of(array.dtype), *array.shape[1:])
        for name in {DEFAULT_SIGNATURE, method} - functions.keys():
            functions[name] = Signature(name, inputs, outputs), function
    return functions


def _input(estimator: Any) -> tuple[dict[str, TensorSpec], Callable[[Array], object], Array]:
    """The declared input, what makes of it that which the estimator was fitted on, and one row of it."""
    features = getattr(estimator, "n_features_in_", None)
    if features is None:
        return column("inputs", DataType.STRING), to_text, np.array([b"1"], object)
    inputs, sample = column("inputs", DataType.DOUBLE, features), np.ones((1, features))
    names = getattr(estimator, "feature_names_in_", None)
    if names is None:
        return inputs, lambda rows: rows, sample
    return inputs, lambda rows: pd.DataFrame(rows, columns=names), sample


def _function(estimator: Any, method: str, prepare: Callable[[Array], object]) -> Function:
    call = getattr(estimator, method)

    def function(rows: Array) -> Mapping[str, Array]:
        answer = _dense(call(prepare(rows)))
        if method != "predict_proba":
            return {"outputs": answer}
        classes = np.broadcast_to(_dense(estimator.classes_), answer.shape)
        return {"classes": classes, "probabilities": answer}

    return function


def _dense(answer: Any) -> Array:
    array: Array = answer.toarray() if issparse(answer) else np.asarray(answer)
    return to_bytes(array) if array.dtype.kind in "OSU" else array
