"""Servables loaded and run without a server around."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from kernel_server.core.loader import LoaderFactory
from kernel_server.core.servable import Servable, ServableId
from kernel_server.core.signature import DEFAULT_SIGNATURE


def load(factory: LoaderFactory, folder: Path) -> Servable:
    """The servable in a version folder."""
    return factory(ServableId("m", 1), folder).load()


def run(servable: Servable, *inputs: Any, signature: str = DEFAULT_SIGNATURE) -> list[Any]:
    """All outputs of a signature as lists; inputs become arrays of the declared types."""
    declared = servable.signatures[signature]
    arrays = [
        np.asarray(value, spec.dtype.numpy)
        for value, spec in zip(inputs, declared.inputs.values(), strict=True)
    ]
    return [output.tolist() for output in servable.runner(signature, tuple(declared.outputs))(arrays)]
