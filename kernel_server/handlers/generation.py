"""Replacing what nobody else has replaced since it was read."""

from __future__ import annotations

from kernel_server.errors import FailedPrecondition


class GenerationChanged(FailedPrecondition):
    """Somebody else replaced it since it was read."""

    def __init__(self, what: str, model: str, expected: int, actual: int) -> None:
        super().__init__(
            f"The {what} of {model} are at generation {actual}, not {expected}: "
            "read them again before replacing them"
        )


def check_generation(what: str, model: str, expected: int | None, actual: int) -> None:
    """Raise :class:`GenerationChanged` unless ``actual`` is ``expected``, or nothing is."""
    if expected not in (None, actual):
        raise GenerationChanged(what, model, expected or 0, actual)
