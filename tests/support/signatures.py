"""Changing the signatures of an exported model, to what Python does not export."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tensorflow.core.protobuf import saved_model_pb2


@contextmanager
def edited_signatures(version: Path) -> Iterator[Any]:
    """The ``SignatureDef`` messages of a version folder, by name; written back at the end."""
    file = version / "saved_model.pb"
    model = saved_model_pb2.SavedModel.FromString(file.read_bytes())
    yield model.meta_graphs[0].signature_def
    file.write_bytes(model.SerializeToString())
