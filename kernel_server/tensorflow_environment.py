"""What TensorFlow reads from the environment when it is imported."""

from __future__ import annotations

import os


def prepare() -> None:
    """Leave out what a server has no use for, unless the environment says otherwise.

    Informational lines would bury the server's own, and Keras would take a third of the time until the
    server is ready. On processors for which TensorFlow turns oneDNN on it would keep for itself the memory
    of tensors above 256 KiB when they are gone, those of unloaded versions among them.
    """
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    os.environ.setdefault("TF_USE_LEGACY_KERAS", "1")
    os.environ.setdefault("TF_ONEDNN_USE_SYSTEM_ALLOCATOR", "1")
