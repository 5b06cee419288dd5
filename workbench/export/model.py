"""``export_model``: one call from a model object to a numbered SavedModel."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from workbench.export.errors import NotBatchable, NotExportable
from workbench.export.result import ExportedModel
from workbench.export.signatures import obstacle_to_batching, read_signatures
from workbench.export.tracing import Signatures, saveable, trace
from workbench.export.versions import publish, staging_directory
from workbench.export.warmup import Warmup, write_warmup
from workbench.metadata import Signature


def export_model(
    model: Any,
    base_path: str | Path,
    *,
    version: int | None = None,
    signatures: Signatures | None = None,
    batched: bool = True,
    warmup: Warmup | None = None,
    overwrite: bool = False,
) -> ExportedModel:
    """Writes a model as the next version under ``base_path`` and says what a server will see.

    ::

        >>> export_model(model, "models/digits", warmup=x_train[:32])
        digits, version 1: models/digits/1
          serving_default(x: float32 [?, 64]) -> output_0: float32 [?, 10]
            batchable
          warm-up requests: 1

    The version appears all at once: a server that watches the directory never finds half of it, and of two
    exports at the same time each gets its own number. A refused export leaves nothing behind.

    - ``model``: a Keras 3 model, a ``tf.Module``, a ``tf.function``, a concrete function, or a plain callable
      made of TensorFlow operations.
    - ``base_path``: the model's directory, created when missing; one numbered child per version.
    - ``version``: its number; by default the one after the highest on disk.
    - ``signatures``: by default what the model declares. A list of ``tf.TensorSpec`` declares the inputs of a
      model that does not; a mapping from name to function or list declares several ways to call it.
    - ``batched``: insist that requests can share a batch, which needs a free first dimension everywhere.
    - ``warmup``: what ``Client.predict`` would take, or a list of such, for the default signature. The server
      runs each before it answers anybody; records of several batch sizes warm up what batching makes.
    - ``overwrite``: replace ``version`` when it exists.

    Raises :class:`NoServingSignature` if nothing says what a server is to call, :class:`NotBatchable` if
    ``batched`` but a first dimension is fixed, :class:`NotExportable` if TensorFlow cannot trace or save the
    model, :class:`VersionExists` if ``version`` is on disk and ``overwrite`` is false, and
    :class:`WarmupRefused` if a warm-up record does not run.
    """
    functions = trace(model, signatures, batched=batched)
    base_path = Path(base_path).expanduser().absolute()
    with staging_directory(base_path) as staging:
        _save(model, functions, staging)
        written = read_signatures(staging)
        if batched:
            _insist_on_batching(written)
        records = 0 if warmup is None else write_warmup(staging, base_path.name, written[0], warmup)
        path = publish(staging, version, overwrite=overwrite)
    return ExportedModel(path, int(path.name), written, records)


def _save(model: Any, functions: dict[str, Any], path: Path) -> None:
    import tensorflow as tf

    try:
        with _quiet(tf.get_logger()):
            tf.saved_model.save(saveable(model, functions.values()), str(path), signatures=functions)
    except AssertionError as error:
        raise NotExportable(
            f"A signature reads a resource, such as a lookup table, that the model does not own: {error}",
            "Make it an attribute of a tf.Module and export that module.",
        ) from error
    except ValueError as error:
        raise NotExportable(
            f"TensorFlow cannot save the model: {error}",
            "A signature takes named tensors and returns tensors.",
        ) from error


@contextmanager
def _quiet(logger: logging.Logger) -> Iterator[None]:
    """No news but warnings: in a notebook TensorFlow would print where it writes, a path that is renamed."""
    level = logger.level
    logger.setLevel(max(level, logging.WARNING))
    try:
        yield
    finally:
        logger.setLevel(level)


def _insist_on_batching(signatures: tuple[Signature, ...]) -> None:
    for signature in signatures:
        if obstacle := obstacle_to_batching(signature):
            raise NotBatchable(signature.name, obstacle)
