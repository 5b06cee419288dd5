"""What TensorFlow reads from the environment when it is imported."""

from __future__ import annotations

import os


def prepare() -> None:
    """Leave out what a server has no use for, unless the environment says otherwise.

    Informational lines would bury the server's own, and Keras would take a third of the time until the
    server is ready.
    """
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    os.environ.setdefault("TF_USE_LEGACY_KERAS", "1")
