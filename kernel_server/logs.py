"""How processes of the server log."""

from __future__ import annotations

import logging


def to_stderr() -> None:
    """Write what is logged to standard error, a line each."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname).1s %(name)s: %(message)s")
